#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <vector>

#include "cluster/members.hpp"

/// Which live connections are to go to which member, so that all are equally busy; and, of a member that
/// leaves, all of them. Decides from the digests that placement sees, without talking to anybody: every
/// member computes the same even state, and who is above it gives what is too much, in proportion to what
/// those below lack. So all that give, give together what all that take lack.
///
/// Digests are old, and smoothed besides: what went lately is not in them yet. It is kept account of and
/// subtracted, or all would move twice. A member begins when it is above the even state by more than
/// `kBegins`, and ends below `kEnds`: noise moves nobody. Whoever is the load all by itself stays: moved, it
/// would be too much there.
///
/// One thread; no clock: time is the number of heartbeats.
namespace sluice::cluster {

enum class ConnectionKind : std::uint8_t {
  idle,  ///< Between two requests: little is under way, so it moves for less.
  busy,
};

/// Connections of this member that could go now: at a boundary where they can stop, here for at least
/// `kResidence`, by a transport that works.
struct Movable {
  struct Some {
    std::uint32_t count = 0;
    double cpus = 0;  ///< Of the last seconds, of all of them: 0.25 is a quarter of a CPU.
    double each() const noexcept { return count == 0 ? 0 : cpus / count; }
  };
  Some idle{}, busy{};
};

/// To be carried out until the next heartbeat; what is not begun until then is forgotten.
struct Move {
  tls::MemberNumber to = 0;
  ConnectionKind kind = ConnectionKind::idle;
  std::uint32_t count = 0;
};

class Rebalance {
 public:
  static constexpr std::chrono::milliseconds kResidence{1000};
  /// Whose CPUs are less in use moves nothing: nobody waits there.
  static constexpr double kBusyFrom = 0.3;
  /// Share of the own CPUs in use beyond the even state, for `kSureBeats` heartbeats.
  static constexpr double kBegins = 0.1, kEnds = 0.03;
  static constexpr unsigned kSureBeats = 2;
  /// Of what is too much, so much goes in a heartbeat.
  static constexpr double kGain = 0.5;
  /// CPUs of a connection that uses less do not pay for moving it (half a millisecond of two CPUs) within ten
  /// seconds.
  static constexpr double kWorth = 1e-4;
  /// Who has less of its CPU idle takes nobody.
  static constexpr double kIdleMin = 0.1;
  static constexpr std::uint32_t kPerSecond = 1000;

  /// `per_s`: connections that go, and that come (taken()), at most. `seed`: different in each member.
  explicit Rebalance(std::uint32_t per_s = kPerSecond, std::uint64_t seed = 0) noexcept;

  /// Every heartbeat, with what the last digest of this member said.
  std::vector<Move> update(const Digest& own, const std::vector<Member>& others, const Movable& movable);
  /// Instead, of a member that leaves: all, in turn to those who take some, each as often as it does.
  std::vector<Move> evacuate(const std::vector<Member>& others, const Movable& movable);

  /// One of an order is on its way.
  void begins(tls::MemberNumber to, ConnectionKind kind);
  /// And is there, or stayed after all.
  void ends(tls::MemberNumber to, bool gone);
  /// The member refused, or could not be reached: not before its next digest. `heard`: Member::heard, now.
  void failed(tls::MemberNumber to, Monotonic::time_point heard);
  bool active() const noexcept { return active_; }

  /// What this member says that it takes (Digest::takes): nothing while it leaves, or has hardly any CPU
  /// idle; not more than there is room for.
  std::uint32_t taken(const Digest& own, std::uint32_t room) const noexcept;

 private:
  /// What goes to a member, or went, in CPUs.
  struct Sent {
    std::uint32_t under_way = 0;
    double cpus_under_way = 0;  ///< In use here, for the moment.
    double fresh = 0;           ///< There since the last heartbeat.
    double unseen = 0;          ///< Not in the member's digests yet.
  };
  struct Taker {
    tls::MemberNumber member = 0;
    double weight = 0;       ///< What it gets of all.
    std::uint32_t most = 0;  ///< Connections until the next heartbeat.
  };
  struct Failed {
    tls::MemberNumber member = 0;
    Monotonic::time_point heard{};  ///< Before it failed.
  };
  struct Gap {
    double excess = 0;  ///< CPUs in use here beyond the even state.
    std::vector<Taker> takers{};
  };

  void beat(const std::vector<Member>& others, const Movable& movable);
  Gap gap(const Digest& own, const std::vector<Member>& others) const;
  double used_by(const Member& member) const;
  bool takes(const Member& member) const;
  std::uint32_t most(const Member& member, std::size_t givers) const;
  bool decide(double excess_share, double busy);
  std::uint32_t spread(std::uint32_t count, ConnectionKind kind, std::vector<Taker>& takers,
                       std::vector<Move>& moves);

  const std::uint32_t per_s_;
  double turn_;  // 0 to 1
  std::map<tls::MemberNumber, Sent> sent_;
  std::vector<Failed> failed_;
  double fresh_ = 0, unseen_ = 0;  // CPUs whose going our own digest does not show
  double each_idle_ = 0, each_busy_ = 0;
  bool active_ = false;
  unsigned sure_ = 0;  // heartbeats
};

}  // namespace sluice::cluster
