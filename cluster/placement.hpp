#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "cluster/members.hpp"

/// Which member should serve a newcomer that came here. Nobody is given more, until it speaks again, than it
/// said it would take in that time, shared with all others that may give it some. Those who take some get it
/// in turn, each as often as it takes and is idle: were the idlest always the first, all members that see the
/// same digests would send to it at once (docs/cluster.md, "How large").
namespace sluice::cluster {

/// Every function may be called from any thread; locks for moments.
class Placement {
 public:
  /// Who has less of its CPU idle takes nobody.
  static constexpr double kIdleMin = 0.05;
  /// CPU in use from which on newcomers go elsewhere although there is room, when others use less by more
  /// than `kGapMin`.
  static constexpr double kBusyFrom = 0.7, kGapMin = 0.02;
  /// The share of newcomers that go is a PI controller's: so much of the gap, and so much of its sum over the
  /// heartbeats. Sessions stay for a while, so the sum alone would swing.
  static constexpr double kProportional = 2, kIntegral = 0.02;
  static constexpr double kShareMax = 0.9;

  /// `seed`: different in each member, so that they do not take the same turns.
  explicit Placement(std::uint64_t seed = 0) noexcept;

  /// Every heartbeat.
  void update(const Digest& own, const std::vector<Member>& others);

  /// Whether choose() may find somebody.
  bool may_choose() const noexcept { return open_.load(std::memory_order_relaxed); }
  /// `no_room`: there is none here. Otherwise a share of newcomers go, so that all are equally busy.
  std::optional<tls::MemberNumber> choose(bool no_room);
  /// It could not be reached: not before its next digest.
  void failed(tls::MemberNumber member);
  /// Of newcomers for whom there is room.
  double share() const;
  /// Who may be given sessions that nobody uses at the moment: those who take newcomers, when this member has
  /// been without room, or busier than they, for `kPressedBeats` heartbeats; nobody otherwise.
  static constexpr unsigned kPressedBeats = 4;
  std::vector<tls::MemberNumber> relief() const;

 private:
  struct Candidate {
    tls::MemberNumber member = 0;
    double upto = 0;  ///< Sum of the weights, its own included.
    double left = 0;  ///< Newcomers that it may be given until the next heartbeat.
    Monotonic::time_point heard{};
  };
  struct Failed {
    tls::MemberNumber member = 0;
    Monotonic::time_point heard{};  ///< Before it failed.
  };
  void collect(const std::vector<Member>& others);
  void set_share(double idle_mean);
  Candidate* next_in_turn() noexcept;

  mutable std::mutex mutex_;
  std::vector<Candidate> candidates_;
  std::vector<Failed> failed_;
  double budget_ = 0;     // newcomers that all of them together take from us until the next heartbeat
  double turn_;           // a place among the weights, 0 to 1
  double busy_ = 0;       // share of our CPUs, smoothed
  double sum_ = 0;        // of the gaps, weighted
  double share_ = 0;      // of newcomers that go
  double owed_ = 0;       // of a newcomer
  unsigned pressed_ = 0;  // heartbeats
  std::atomic<bool> open_{false};
};

}  // namespace sluice::cluster
