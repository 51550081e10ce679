#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include <boost/intrusive/list.hpp>

#include "admission/session_record.hpp"
#include "base/clock.hpp"

/// Who is in. A session is one client's visit: the connections and resumptions that began with one admitted
/// full handshake. Its end can't be seen, only that it has not been seen for a while.
namespace sluice::admission {

using Instant = Monotonic::time_point;
using Duration = Monotonic::duration;

/// One session. Shared by the table and the connections it has now, on any processor.
class Session {
 public:
  const SessionRecord& record() const noexcept { return record_; }
  /// True once it was picked to be shed: it gets nothing more.
  bool shed() const noexcept { return shed_.load(std::memory_order_relaxed); }
  /// It is about to buy or bid: until then it is not shed.
  void protect_until(Instant until) noexcept { store(protected_until_, until); }
  bool is_protected(Instant now) const noexcept { return load(protected_until_) > now; }
  /// When its last request was answered; the clock's epoch before the first.
  Instant last_answer() const noexcept { return load(last_answer_); }
  void answered(Instant now) noexcept { store(last_answer_, now), store(last_seen_, now); }
  /// It came back `pause_s` after its last answer, and was answered `response_s` later. Returns what that
  /// counts in `Sample::demand`.
  double returned(double pause_s, double response_s, double target_s) noexcept;

 private:
  friend class SessionTable;
  using Hook = boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

  static void store(std::atomic<Duration::rep>& to, Instant value) noexcept {
    to.store(value.time_since_epoch().count(), std::memory_order_relaxed);
  }
  static Instant load(const std::atomic<Duration::rep>& from) noexcept {
    return Instant{Duration{from.load(std::memory_order_relaxed)}};
  }

  SessionRecord record_{};
  std::atomic<Duration::rep> last_seen_{0};
  std::atomic<Duration::rep> last_answer_{0};
  std::atomic<Duration::rep> protected_until_{0};
  std::atomic<float> pauses_s_{0};  // sum
  std::atomic<float> returns_{0};
  std::atomic<bool> shed_{false};
  std::atomic<bool> live_{false};  // written under the shard's lock
  std::atomic<bool> left_{false};  // the client closed a connection by itself and did not ask since
  // under the shard's lock:
  Instant begun_{};
  double resumptions_left_ = 0;
  Instant refilled_{};
  bool known_ = false;  // in the table
  Hook place_hook_;     // in a slot of the wheel while live, else among the dormant
  Hook age_hook_;       // among all in the table, newest last, however often it was out of sight
};

using SessionPtr = std::shared_ptr<Session>;

struct SessionLimits {
  std::size_t sessions = 1'000'000;          ///< In the table; the longest dormant ones make room.
  std::chrono::seconds memory{1800};         ///< A session not seen for so long is a newcomer again.
  double resumptions = 6;                    ///< Handshakes that a session may resume at once ...
  std::chrono::seconds resumptions_per{10};  ///< ... and in each such time.
};

/// Safe to call from any processor; locks are per shard and held for moments. Reads no clock.
class SessionTable {
 public:
  explicit SessionTable(SessionLimits limits = {});
  ~SessionTable();
  SessionTable(const SessionTable&) = delete;
  SessionTable& operator=(const SessionTable&) = delete;

  /// A newcomer was admitted. Null when the table is full of live sessions.
  SessionPtr begin(const SessionRecord& record, Instant now);
  /// It never came about: the handshake failed.
  void cancel(const Session& session) noexcept;

  enum class Resumption {
    in_session,  ///< Goes on; one resumption was taken from its allowance.
    stranger,    ///< Genuine, but not seen for long, shed, or of another epoch: to be treated as a newcomer.
    excessive,   ///< Its allowance is used up: so many can't be one client.
  };
  struct Resumed {
    Resumption result = Resumption::stranger;
    SessionPtr session{};  ///< With `in_session` only.
  };
  enum class Allowance {
    whole,
    half,       ///< There is CPU only for sessions that have used less than half of theirs, as people do.
    unlimited,  ///< Everybody goes on, whatever was used.
  };
  /// `wall`: by which the age of a session is judged that this table does not know, since it began on another
  /// member or before a restart. It is taken in when it began within `memory` of it, before or, by the clock
  /// of another, after: else a clock that is wrong would make sessions that never get old.
  Resumed resume(const SessionRecord& record, Instant now, WallSeconds wall,
                 Allowance allowance = Allowance::whole);
  /// A connection of it has come from another owner, who vouches for it, however long ago it began. Null when
  /// it was shed here, is of another epoch, or the table is full.
  SessionPtr adopt(const SessionRecord& record, Instant now);
  /// It turned out to be somebody else who showed the session's ticket.
  void give_back_resumption(Session& session) noexcept;

  /// It made a request.
  void seen(Session& session, Instant now) noexcept;
  /// The client closed the connection, without being asked to: the visit has probably ended.
  void leave(Session& session, Instant now) noexcept;

  struct Change {
    std::size_t live = 0;       ///< Now.
    std::uint64_t begun = 0;    ///< Since the last call.
    std::int64_t departed = 0;  ///< Since the last call: went out of sight, less those that came back.
  };
  /// Takes sessions out of sight that were last seen `horizon` ago. Once a control period, on one thread.
  Change tick(Instant now, Duration horizon);
  /// Sheds up to `count` of the youngest live sessions that are not protected. Returns how many.
  std::size_t shed(std::size_t count, Instant now);

  std::size_t live() const noexcept { return live_.load(std::memory_order_relaxed); }
  std::size_t size() const;
  std::uint64_t full() const noexcept { return full_.load(std::memory_order_relaxed); }
  std::uint32_t epoch() const noexcept { return epoch_; }

 private:
  static constexpr std::size_t kShards = 16;
  static constexpr std::size_t kSlots = 16;
  static constexpr std::chrono::milliseconds kLeaveAfter{1000};

  struct IdHash {
    std::size_t operator()(const SessionId& id) const noexcept { return id.low ^ id.high; }
  };
  using PlaceList =
      boost::intrusive::list<Session,
                             boost::intrusive::member_hook<Session, Session::Hook, &Session::place_hook_>,
                             boost::intrusive::constant_time_size<false>>;
  using AgeList =
      boost::intrusive::list<Session,
                             boost::intrusive::member_hook<Session, Session::Hook, &Session::age_hook_>,
                             boost::intrusive::constant_time_size<false>>;
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<SessionId, SessionPtr, IdHash> sessions;
    std::array<PlaceList, kSlots> slots;  // live ones, by when they are looked at next
    PlaceList dormant;                    // longest dormant first
    AgeList by_age;
  };

  Shard& shard_of(const SessionId& id) noexcept { return shards_[id.low % kShards]; }
  void wake(Shard& shard, Session& session, Instant now) noexcept;
  void rest(Shard& shard, Session& session) noexcept;
  SessionPtr insert_elder(Shard& shard, const SessionRecord& record, Instant now);
  SessionPtr insert(Shard& shard, const SessionRecord& record, Instant now);
  bool make_room(Shard& shard) noexcept;
  bool take_resumption(Session& session, Instant now, Allowance allowance) noexcept;
  void look_at_slot(Shard& shard, std::size_t slot, Instant now, Duration horizon);
  void forget_dormant(Shard& shard, Instant now) noexcept;
  std::size_t shed_from(Shard& shard, std::size_t count, Instant now) noexcept;
  static void forget(Shard& shard, Session& session) noexcept;

  const SessionLimits limits_;
  const std::uint32_t epoch_ = 0;
  std::array<Shard, kShards> shards_;
  std::atomic<std::size_t> live_{0};
  std::atomic<std::uint64_t> begun_{0};
  std::atomic<std::int64_t> departed_{0};
  std::atomic<std::uint64_t> full_{0};
  std::atomic<std::size_t> slot_{0};  // looked at last
  Instant looked_{};
};

}  // namespace sluice::admission
