#pragma once
#include <memory>

#include "loadgen/io/loop.hpp"
#include "loadgen/io/socket.hpp"
#include "loadgen/options.hpp"
#include "loadgen/tally.hpp"

/// Hostile clients beside the honest load. They try what a rule like "always admit who resumes" (Guitart et
/// al., ICPP 2005, which looks at the session ID of the hello) would fall for, and what costs a server more
/// than it costs them.
///
/// random-session-id (TLS 1.2): offers 32 random bytes as session ID and finishes the handshake if it may.
/// Good servers treat it as a newcomer: none `resumed`, and refusals as newcomers get them.
///
/// forged-ticket: offers a genuine ticket with one byte changed, another one each time, and finishes if it
/// may. Good servers decide after they have looked into the ticket: as above.
///
/// shared-ticket: resumes with one genuine ticket from every connection, and closes. Good servers let a few
/// in
/// (`resumed`) and treat the others as newcomers.
///
/// replay-hello: sends the bytes of one recorded hello with a genuine ticket, and goes when the reply begins.
/// It knows no secret and finishes nothing. Good servers refuse repetitions before they sign or derive
/// anything: `alert`, not `answered`.
///
/// wrong-binder (TLS 1.3): offers a genuine ticket with a binder made by another secret. RFC 8446 section
/// 4.2.11 demands a fatal alert: all `alert`. A server that no longer knows the ticket's key never looks at
/// the binder: `handshakes`.
///
/// silent-after-hello: sends a fresh hello and holds. Good servers close before the attacker's timeout, and
/// have room for honest clients meanwhile. Mostly `answered`.
///
/// slow-hello: sends a fresh hello, a byte every 100 ms, and holds. Good servers have one deadline for the
/// whole hello: `rst`, `fin` or `alert`, not `held`.
///
/// The genuine ticket is of the version `--tls` asks for (wrong-binder: 1.3). It is replaced at half of its
/// lifetime; that of shared-ticket also when the server has declined it 100 times in a row, as after a
/// restart with other keys.
namespace sluice::loadgen {

/// One kind of attack at its rate, on one thread's loop. Connections begin evenly spaced; after a stall at
/// most 100 ms of the backlog are made up for in one pass of the loop. A connection that an attack holds open
/// ends at the timeout; at most `kHeldMax` are open at once, and what would be more is counted as failed. So
/// is what falls due while there is no ticket to be had. A genuine ticket comes from one honest handshake of
/// its own when it starts; that one is counted in `Tally::connections` as any other. The attack begins when
/// the first one has ended. Certificates are not verified: an attacker has no reason to.
///
/// Every connection started is counted once more by what came of it, as soon as that is known: one that is
/// held open is `answered` when the server's handshake bytes come.
class AttackDriver {
 public:
  static constexpr std::size_t kHeldMax = 8000;

  /// Borrows everything, which must outlive it. `share` of `shares`: this thread's part of the rate. Throws
  /// what make_client_context() throws. The process ignores SIGPIPE.
  AttackDriver(Loop& loop, const Options& options, const Attack& attack, const Address& target,
               Sources& sources, Tally& tally, unsigned share, unsigned shares);
  ~AttackDriver();

  void start(Monotonic::time_point run_start);
  /// No new connections; those open are closed and counted as `held` unless more has come of them.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::loadgen
