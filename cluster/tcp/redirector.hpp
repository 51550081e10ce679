#pragma once
#include <functional>
#include <optional>
#include <string>

#include "cluster/tcp/flow.hpp"

/// Where clients' frames arrive first, there a flow that has moved is redirected for good: so the members in
/// between are needed no more. A site with a balancer of its own gives it this interface, or makes it
/// understand orders (flip_protocol.hpp).
namespace sluice::cluster::tcp {

/// A flow has moved.
struct Flip {
  Flow flow{};
  std::array<std::uint8_t, 6> mac{};  ///< Of the member that has it now.
  std::uint16_t moves = 0;  ///< So often it has moved, this one included: what is older is too late.
  bool operator==(const Flip&) const = default;
};

class Redirector {
 public:
  using Failure = std::optional<std::string>;

  virtual ~Redirector() = default;
  /// `home`: whose order it is to carry out. `done` is called once, from the executor: that frames go to the
  /// member from now on, or why they may not, as a sentence.
  virtual void flip(const Endpoint& home, const Flip& flip, std::function<void(Failure)> done) = 0;
};

}  // namespace sluice::cluster::tcp
