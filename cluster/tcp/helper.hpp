#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/system/result.hpp>

#include "base/clock.hpp"
#include "base/descriptor.hpp"
#include "cluster/tcp/flow.hpp"

/// The server's side of `sluice-tcp`, the process with the privileges that moving a TCP connection takes.
///
///     source                                target
///                                           hold(flow, source's place)       PREPARE
///     dump(socket, target's place)                                           STATE
///                                           restore(state), still silent     READY
///     forget: the socket is gone, silently                                   COMMIT
///                                           live: it speaks
///
/// or, before forget, roll_back at the source and then cancel at the target: everything is as it was.
///
/// When the helper goes, what waits fails, but for roll_back() and live(): these are asked of the next one.
/// When they fail as well, or the answer to forget() is lost, the socket is to be closed: it is frozen, and
/// goes without a packet.
namespace sluice::cluster::tcp {

/// Why not, as a sentence for the operator.
struct Refusal {
  std::string why{};
};
template <class T>
using Answer = boost::system::result<T, Refusal>;

/// That it is done.
struct Done {
  Monotonic::time_point at{};  ///< When it took effect, by this machine's clock.
  std::string remark{};        ///< What the operator should know nevertheless; mostly empty.
};

/// A socket on its way out.
struct Dump {
  std::vector<std::uint8_t> state{};  ///< For restore() at the target: at most kStateMax bytes.
  Monotonic::time_point redirected_at{};
};

/// Used on its executor's thread only. Without a helper every call fails, soon and with a sentence. A done is
/// called once, never from within the call, and not after stop().
class Helper {
 public:
  /// Names one move, here only. Of calls about a move, give the next when the one before was answered;
  /// cancel() and roll_back() fit at any time.
  using Id = std::uint64_t;
  using OnDone = std::function<void(Answer<Done>)>;
  using OnSocket = std::function<void(Answer<Descriptor>)>;
  using OnDump = std::function<void(Answer<Dump>)>;
  struct Options {
    std::string socket{};                      ///< Path of the helper's.
    std::chrono::milliseconds patience{2000};  ///< For an answer; then the helper is dialed anew.
    /// live() and roll_back() wait so long for the next helper, as nothing else can be done.
    std::chrono::milliseconds again{5000};
    std::chrono::milliseconds retry{200};  ///< Between tries to reach it.
    std::size_t calls_max = 1024;          ///< That wait for an answer; more are refused.
  };

  Helper(boost::asio::io_context& io, Options options);
  ~Helper();

  /// Connects, and again whenever the helper goes.
  void start();
  void stop();
  bool ready() const noexcept;
  /// Why it is not ready; empty when it is.
  const std::string& trouble() const noexcept;
  /// Where this member takes frames, to be told to the other member; all zero until it is ready.
  const PlaceBytes& place() const noexcept;

  // Target. ----------------------------------------------------------------------------------------

  /// From when it is done frames of the flow are kept from the kernel and kept for the move. `source`: where
  /// they go after cancel().
  Id hold(const Flow& flow, const PlaceBytes& source, OnDone done);
  /// Makes the socket: connected, and silent until live(). It is non-blocking.
  void restore(Id id, const std::vector<std::uint8_t>& state, OnSocket done);
  /// The socket speaks, and gets what came meanwhile. Works with a helper that never heard of the move, too.
  void live(Id id, int fd, OnDone done);
  /// The socket is dead, without a packet; frames that came go to the source. Only after the source has
  /// rolled back, as else they come again and are answered with RST once the hold ends.
  void cancel(Id id, OnDone done = {});

  // Source. ----------------------------------------------------------------------------------------

  /// Waits (at most 50 ms) until the kernel has sent what it was given, redirects the flow to `target` and
  /// freezes the socket. Nothing may be written to it, or read from it, from the call on. Refused: the socket
  /// is as it was; failed otherwise (no answer): roll_back().
  Id dump(int fd, const PlaceBytes& target, OnDump done);
  /// As before the dump. Works with a helper that never heard of the move, too, as long as `fd` is open.
  void roll_back(Id id, int fd, OnDone done);
  /// The socket is dead, without a packet; close it. The redirect stays until the flow ends. Refused: it was
  /// rolled back, as nobody decided within 8 s; nothing may be committed.
  void forget(Id id, OnDone done);
  /// After forget(): done once this member is not needed any more to forward the flow, or, with a remark,
  /// once it is clear that it is. For who wants to leave.
  void settle(Id id, OnDone done);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sluice::cluster::tcp
