#pragma once
#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "cluster/etcd_json.hpp"

namespace sluice::cluster::etcd {

/// The members under a prefix: `prefix` + name -> host:port. No I/O.
class Directory {
 public:
  /// Beyond `max` entries (and its own) it keeps none.
  Directory(std::string prefix, const std::string& own_name, std::size_t max);

  const std::string& own_key() const noexcept { return own_key_; }
  /// Takes the place of all that was known.
  void take(const Listing& listing);
  void take(const Watched& watched);

  /// Of the others.
  std::vector<std::string> addresses() const;
  bool has_own() const noexcept { return has_own_; }
  /// What it could not take is left out, so a change may make room for it: the list has to be read again.
  bool incomplete() const noexcept { return incomplete_; }
  /// What was wrong with entries of the last listing or change; empty: nothing.
  const std::string& complaint() const noexcept { return complaint_; }

 private:
  void take(const Entry& entry);

  const std::string prefix_, own_key_;
  const std::size_t max_;
  std::map<std::string, std::string> others_;
  bool has_own_ = false, incomplete_ = false;
  std::string complaint_;
};

}  // namespace sluice::cluster::etcd
