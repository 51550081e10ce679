#pragma once
#include <cstdint>
#include <map>
#include <set>

#include "server/tls/session_id.hpp"

/// Who owns a live connection while it goes from one process to another: two phases, so that never two can
/// send with its keys.
///
///     source                              target
///     PREPARE  ----------------------->   is there room, does the transport work?
///              <-----------------------   PREPARED
///     stops, and tells all it knows
///     STATE    ----------------------->   makes the connection, and sends nothing
///              <-----------------------   READY
///     wipes its keys
///     COMMIT   ----------------------->   owns it
///
/// Before it is told to wipe its keys the source may go back at any time: it tells the target (CANCEL), which
/// had nothing to lose. Then only the connection itself may still say that it stays, as long as it has not
/// wiped them: wiping takes place on another thread, where neither a CANCEL nor time can stop it. Afterwards
/// there is no way back: when COMMIT does not arrive the connection is closed. A target that hears nothing
/// more gives up what it has, whatever became of the source: it can't know whether that still sends. So a
/// message that is lost, doubled or late, or the end of either side, leaves one owner or none: handover_test
/// tries all ways.
///
/// What is left to who uses these: READY is waited for less long than COMMIT, or connections are closed for
/// nothing; a message belongs to the process that sent it (its incarnation) and to the one it was sent to;
/// what is answered `false` is forgotten.
///
/// Decisions only: no socket, no clock; who uses these tells them that time is up. One thread each.
namespace sluice::cluster {

/// Names a hand-over among all of the source's process; they are given out in order, from 1, whoever the
/// target is.
using HandoverId = std::uint64_t;

/// What the source of one hand-over may do. A function that does not fit the phase changes nothing and
/// returns false, where a message can cause that; where only a bug can, it aborts.
class HandoverSource {
 public:
  enum class Phase : std::uint8_t {
    asked,     ///< PREPARE was sent.
    prepared,  ///< The connection is to stop, and its state to be sent.
    offered,   ///< STATE was sent.
    ready,     ///< The connection was told to wipe its keys.
    given,     ///< They are wiped: COMMIT may be sent, once.
    kept,      ///< The connection stays.
  };

  Phase phase() const noexcept { return phase_; }
  /// PREPARED came.
  bool prepared() noexcept;
  /// STATE is sent.
  void offer();
  /// READY came.
  bool ready() noexcept;
  /// The keys are wiped, so COMMIT is to be sent.
  void give();
  /// The target refused or is gone, or time is up. False: the connection was told to wipe its keys, and may
  /// have done so.
  bool keep() noexcept;
  /// The connection says, before it wipes its keys, that it can't go. False: it was given.
  bool stay() noexcept;

 private:
  Phase phase_ = Phase::asked;
};

/// What the target of one hand-over may do; the same.
class HandoverTarget {
 public:
  enum class Phase : std::uint8_t {
    prepared,   ///< PREPARED was sent.
    restoring,  ///< STATE came.
    ready,      ///< The connection is made and silent; READY was sent.
    owner,      ///< It is ours.
    gone,       ///< Given up and wiped.
  };

  Phase phase() const noexcept { return phase_; }
  /// STATE came.
  bool state() noexcept;
  /// The connection is made, so READY is to be sent. False: it was given up meanwhile.
  bool restored() noexcept;
  /// COMMIT came.
  bool commit() noexcept;
  /// CANCEL came, the source is gone, time is up, or the connection can't be made. False: it is ours.
  bool give_up() noexcept;

 private:
  Phase phase_ = Phase::prepared;
};

/// Hand-overs that were begun here, of each source's process: none is begun twice, also when all of its
/// messages come again.
class HandoverBook {
 public:
  /// Older ones than so many before the newest are refused.
  static constexpr HandoverId kWindow = 4096;

  /// True once for each. `incarnation`: of the source's process; an earlier one's are refused.
  bool begin(tls::MemberNumber source, std::uint64_t incarnation, HandoverId id);

 private:
  struct Source {
    std::uint64_t incarnation = 0;
    HandoverId newest = 0;
    std::set<HandoverId> begun{};  ///< Within the window.
  };
  std::map<tls::MemberNumber, Source> sources_;
};

}  // namespace sluice::cluster
