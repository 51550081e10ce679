#include "cluster/discovery.hpp"

namespace sluice::cluster {

std::string DiscoveryBook::looked(const Trouble& outcome) {
  count(outcome.result);
  view_.last = outcome.result;
  const bool was_in_trouble = !view_.trouble.empty();
  if (outcome.result == Looked::ok) {
    view_.trouble.clear();
    return was_in_trouble ? "cluster: discovery by " + view_.kind + " works again" : "";
  }
  view_.trouble = outcome.what;
  if (was_in_trouble) return "";
  return "cluster: discovery by " + view_.kind + ": " + outcome.what + "; it goes on with the " +
         std::to_string(view_.addresses) + " addresses it knows";
}

std::string DiscoveryBook::remark(const Trouble& remark) {
  count(remark.result);
  auto& said = remarks_[static_cast<std::size_t>(remark.result)];
  if (said == remark.what) return "";
  said = remark.what;
  return "cluster: discovery by " + view_.kind + ": " + remark.what;
}

}  // namespace sluice::cluster
