#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "cluster/tcp/frame.hpp"

/// What is done to frames of a flow where they come in, before the kernel's TCP sees them.
namespace sluice::cluster::tcp {

/// Names an interface of this network namespace. Throws a sentence when there is none, or it is not Ethernet.
struct Interface {
  explicit Interface(const std::string& name);
  std::string name;
  int index = 0;
  Mac mac{};
};

/// However wrong the tables of several members are, no frame is redirected more often.
inline constexpr int kRedirectsMax = 8;

/// How long a redirect lasts.
struct Lifetime {
  /// Without anything more: the move may still come to nothing, and who began it may be gone.
  std::chrono::milliseconds undecided{10'000};
  std::chrono::milliseconds idle{3'600'000};    ///< After a frame of the client, once it is decided,
  std::chrono::milliseconds linger{60'000};     ///< or after one behind its FIN or RST.
  std::chrono::milliseconds stragglers{2'000};  ///< Once somebody in front redirects it.
};

/// The kernel's table of flows, for one interface. It outlives this process: who is started again takes it
/// over. Not thread-safe. Functions that fail return a sentence.
class Ingress {
 public:
  using Failure = std::optional<std::string>;

  virtual ~Ingress() = default;

  /// Frames are dropped (capture sees them before), until it is released, at most until then.
  /// Where the flow is redirected as well, only those that `source` sends.
  virtual Failure hold(const Flow& flow, const Mac& source, Monotonic::time_point until) = 0;
  virtual void release(const Flow& flow) = 0;
  /// Frames leave for `to`, for `Lifetime::undecided`. Replaces what there was.
  virtual Failure redirect(const Flow& flow, const Mac& to) = 0;
  /// It lasts as long as the flow.
  virtual Failure decide(const Flow& flow) = 0;
  /// It ends soon: what is on its way already still goes there.
  virtual void expire(const Flow& flow) = 0;
  virtual void restore(const Flow& flow) = 0;
  /// Where frames of the flow leave for.
  virtual std::optional<Mac> redirected(const Flow& flow) const = 0;
  /// Forgets flows that have ended, or were idle for long. Once a second or so.
  virtual void sweep() = 0;
  /// Flows that are redirected.
  virtual std::size_t size() const = 0;

  /// Keeps a filter on this socket of AF_PACKET, so that it sees what is held, and nothing else. Throws a
  /// sentence.
  virtual void watch(int packet_socket) = 0;
};

/// With tc and BPF. `out`: the interface by which redirected frames leave. `pins`: a folder in a BPF file
/// system, through which the next process takes the tables over; empty: it begins with empty ones. `most`:
/// redirected flows. Throws a sentence.
std::unique_ptr<Ingress> tc_ingress(const Interface& in, const Interface& out, const std::string& pins,
                                    std::size_t most, Lifetime lifetime);

/// With nftables (a netdev table), where there is no BPF. Slower by a factor of thirty per change.
std::unique_ptr<Ingress> nft_ingress(const Interface& in, const Interface& out, std::size_t most,
                                     Lifetime lifetime);

}  // namespace sluice::cluster::tcp
