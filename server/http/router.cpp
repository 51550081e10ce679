#include "server/http/router.hpp"

#include <stdexcept>

namespace sluice::http {
namespace {

constexpr std::string_view kNames[] = {"GET, HEAD", "POST", "PUT", "DELETE", "PATCH"};

/// Bit of Methods, or -1.
int bit_of(Verb method) noexcept {
  switch (method) {
    case Verb::get:
    case Verb::head: return 0;
    case Verb::post: return 1;
    case Verb::put: return 2;
    case Verb::delete_: return 3;
    case Verb::patch: return 4;
    default: return -1;
  }
}

std::string allow_of(std::uint8_t methods) {
  std::string allow;
  for (std::size_t bit = 0; bit < std::size(kNames); ++bit) {
    if ((methods >> bit & 1) != 0) allow.append(kNames[bit]).append(", ");
  }
  return allow.append("OPTIONS");
}

}  // namespace

Router::Router(std::initializer_list<Route> routes) {
  for (const Route& route : routes) {
    const std::string name{route.path};
    if (!name.starts_with('/')) throw std::invalid_argument("route '" + name + "' does not start with '/'");
    Path& path = paths_[name];
    const auto methods = static_cast<std::uint8_t>(route.methods);
    if ((path.methods & methods) != 0) throw std::invalid_argument("route '" + name + "' is there twice");
    path.methods |= methods;
    for (std::size_t bit = 0; bit < path.ids.size(); ++bit) {
      if ((methods >> bit & 1) != 0) path.ids[bit] = route.id;
    }
    path.allow = allow_of(path.methods);
  }
}

std::variant<RouteId, Response> Router::match(const Request& request) const {
  const auto found = paths_.find(request.path);
  if (found == paths_.end()) return plain(404, "There is no such page.");
  const Path& path = found->second;
  if (request.method == Verb::options) {
    Response response;
    response.status = 204;
    response.set("Allow", path.allow);
    return response;
  }
  const int bit = bit_of(request.method);
  if (bit < 0 || (path.methods >> bit & 1) == 0) return method_not_allowed(path.allow);
  return path.ids[static_cast<std::size_t>(bit)];
}

}  // namespace sluice::http
