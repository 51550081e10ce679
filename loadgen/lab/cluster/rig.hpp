#pragma once
#include <atomic>
#include <string>
#include <vector>

#include "loadgen/lab/folder.hpp"

namespace sluice::loadgen::lab {

inline constexpr unsigned kServicePort = 8443, kPeerPort = 7946;

/// A cluster's network on this machine, as the script `sluice-rig` makes it; taken down by the destructor.
/// Borrows `folder` and `stop`.
class Rig {
 public:
  /// Why there can't be one here, as a sentence; empty when there can.
  static std::string obstacle();

  /// Throws RunError.
  Rig(unsigned members, const TemporaryFolder& folder, const std::atomic<bool>& stop);
  ~Rig();
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;

  /// Where clients come.
  static std::string balancer_address();
  static std::string member_address(unsigned member);  ///< Members are 1, 2, ...
  static std::string member_node(unsigned member) { return "m" + std::to_string(member); }

  /// `command` as it is run in a node: the process becomes the command.
  std::vector<std::string> in(const std::string& node, std::vector<std::string> command) const;
  /// Throws RunError with the script's own words.
  void tell(const std::string& verb, const std::vector<std::string>& words);

 private:
  const TemporaryFolder& folder_;
  const std::atomic<bool>& stop_;
  const std::string script_, name_;
};

}  // namespace sluice::loadgen::lab
