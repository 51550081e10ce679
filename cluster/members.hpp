#pragma once
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "cluster/protocol.hpp"

/// Who is in the cluster, as one member sees it. No socket; time is an argument. One thread.
///
/// There is no agreement on it and none is needed: what is decided by it (who makes ticket keys, who keeps
/// the sessions of a member that left) only costs a full handshake when two members see it differently for a
/// moment.
namespace sluice::cluster {

enum class Liveness : std::uint8_t {
  alive,    ///< Heard of lately.
  suspect,  ///< Not heard of for `kSuspectAfter`: asked for nothing, still counted.
  dead,     ///< Not heard of for `kDeadAfter`, or it said that it goes.
  count
};
inline constexpr std::array<std::string_view, static_cast<std::size_t>(Liveness::count)> kLivenessNames{
    "alive", "suspect", "dead"};

struct Member {
  std::string name{};
  tls::MemberNumber number = 0;
  std::string address{};
  std::uint64_t incarnation = 0;
  Liveness liveness = Liveness::alive;
  Digest digest{};
  Monotonic::time_point heard{};

  bool serving() const noexcept {
    return liveness == Liveness::alive && digest.state == MemberState::serving;
  }
};

class Members {
 public:
  static constexpr std::chrono::milliseconds kHeartbeat{250};
  static constexpr double kHeartbeatS = std::chrono::duration<double>(kHeartbeat).count();
  /// Of the last heartbeat, in what a digest says of CPU in use.
  static constexpr double kNewsWeight = 0.3;
  static constexpr std::chrono::milliseconds kSuspectAfter{1000};
  static constexpr std::chrono::milliseconds kDeadAfter{3000};
  static constexpr std::chrono::hours kForgetAfter{1};
  static constexpr std::size_t kMembersMax = 512;

  /// `self` as it says hello.
  explicit Members(const Hello& self);

  enum class Heard {
    welcome,
    myself,    ///< It is this very process.
    impostor,  ///< Another member that is alive has this name, or one of another name this number.
    older,     ///< A process of this name that began later is known.
    full,      ///< There are `kMembersMax`.
  };
  /// A member said hello. What is not welcome changes nothing.
  Heard hello(const Hello& from, Monotonic::time_point now);
  /// Of somebody who was welcome. False when a later process of its name has come since.
  bool digest(const Hello& from, const Digest& digest, Monotonic::time_point now);
  /// It said that it goes.
  void goodbye(const Hello& from);

  struct Change {
    std::string name{};
    Liveness after{};
    bool joined = false;  ///< Not known before, or as an earlier process.
  };
  /// What became of members since the last call.
  std::vector<Change> tick(Monotonic::time_point now);

  /// The others, by name.
  const std::vector<Member>& others() const noexcept { return others_; }
  const Hello& self() const noexcept { return self_; }
  const Member* find(tls::MemberNumber number) const noexcept;
  const Member* find(const std::string& name) const noexcept;
  /// This member is the eldest of those that are not dead: it makes the ticket keys.
  bool leads() const noexcept;
  /// Whom of the others this member, which leaves, gives session `id` when its home is gone: the first by
  /// rendezvous hashing (Thaler & Ravishankar 1998) of those that serve. `nullopt`: nobody is left.
  std::optional<tls::MemberNumber> heir(const tls::SessionIdBytes& id) const noexcept;
  /// Which of the others may have inherited it, the likeliest first: in the same order, those that are about
  /// to leave as well, since they have it until they do.
  std::vector<tls::MemberNumber> heirs(const tls::SessionIdBytes& id, std::size_t count) const;

 private:
  Member* look_up(const std::string& name) noexcept;

  const Hello self_;
  const tls::MemberNumber number_;
  std::vector<Member> others_;
  std::vector<Change> changes_;
};

}  // namespace sluice::cluster
