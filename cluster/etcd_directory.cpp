#include "cluster/etcd_directory.hpp"

#include <algorithm>

#include "cluster/addresses.hpp"

namespace sluice::cluster::etcd {

namespace {

constexpr std::size_t kNameMax = 255;  // of a member (protocol.hpp)

bool printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace

Directory::Directory(std::string prefix, const std::string& own_name, std::size_t max)
    : prefix_(std::move(prefix)), own_key_(prefix_ + own_name), max_(max) {}

void Directory::take(const Listing& listing) {
  others_.clear();
  complaint_.clear();
  has_own_ = false;
  incomplete_ = listing.more;
  for (const Entry& entry : listing.entries) take(entry);
}

void Directory::take(const Watched& watched) {
  complaint_.clear();
  for (const Change& change : watched.changes) {
    if (!change.gone) {
      take(change.entry);
    } else if (change.entry.key == own_key_) {
      has_own_ = false;
    } else {
      others_.erase(change.entry.key);
    }
  }
}

void Directory::take(const Entry& entry) {
  if (entry.key == own_key_) {
    has_own_ = true;
    return;
  }
  if (!entry.key.starts_with(prefix_)) {
    complaint_ = "a key outside of " + prefix_;
    return;
  }
  const std::string name = entry.key.substr(prefix_.size());
  if (name.empty() || name.size() > kNameMax || !printable(name)) {
    complaint_ = "a key under " + prefix_ + " is not a member's name";
    return;
  }
  if (!split_address(entry.value)) {
    complaint_ = "the value of " + entry.key + " is not host:port";
    others_.erase(entry.key);
  } else if (others_.size() < max_ || others_.contains(entry.key)) {
    others_[entry.key] = entry.value;
  } else {
    incomplete_ = true;
  }
}

std::vector<std::string> Directory::addresses() const {
  std::vector<std::string> all;
  for (const auto& [key, address] : others_) all.push_back(address);
  return all;
}

}  // namespace sluice::cluster::etcd
