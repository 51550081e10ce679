#pragma once
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "admission/session_record.hpp"
#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "server/tls/secret.hpp"
#include "server/tls/session_id.hpp"

/// Sessions of TLS 1.2 clients with session IDs and no tickets (RFC 5246 section 7.4.1.2), for all
/// processors.
namespace sluice::tls {

struct StoredSession {
  /// The session in DER: every connection gets an object of its own, so that none is shared between threads.
  SecretBytes der{};
  /// `nullopt`: the visitor was admitted by no gate.
  std::optional<admission::SessionRecord> record{};
  WallSeconds expires_at{};  ///< The last second in which it resumes.
};

/// A bounded cache that forgets what was not used for longest. Split into shards, each with a lock of its own
/// that is held for moments. Time is an argument and must be the same clock for all. Every function may be
/// called from any thread.
///
/// IDs are ours, with a MAC at their end (session_id.hpp) that is the hash: a stranger can look IDs up that
/// he made, but not put them in.
class SessionStore {
 public:
  static constexpr std::size_t kShards = 16;
  /// A longer session is not stored. Ours have some 150 bytes.
  static constexpr std::size_t kSessionMax = 1024;

  /// Holds at most `capacity` sessions in all, and divides them over at most `shards` shards.
  explicit SessionStore(std::size_t capacity, std::size_t shards = kShards);

  /// Replaces a session of the same ID. Nothing happens when the ID's or the session's size is not one of
  /// ours, or the capacity is 0.
  void put(Bytes id, StoredSession session, WallSeconds now);
  /// The session, which becomes the one used last.
  std::optional<StoredSession> get(Bytes id, WallSeconds now);
  /// The record of a session that get() would return. Changes nothing.
  std::optional<admission::SessionRecord> record_of(Bytes id, WallSeconds now) const;
  void remove(Bytes id);

  // A session has one owner. Whoever gave it away only remembers to whom.
  struct Given {
    std::optional<StoredSession> session{};  ///< `nullopt`: it is not here.
    MemberNumber last_given_to = 0;          ///< Then perhaps there; 0: nobody knows.
  };
  /// From now on it is that member's.
  Given give(Bytes id, MemberNumber to, WallSeconds now);
  /// Whom it was given to last; 0: to nobody, or it is here.
  MemberNumber given_to(Bytes id, WallSeconds now) const;
  /// What is known of a session that is elsewhere.
  struct Word {
    SessionIdBytes id{};
    MemberNumber at = 0;
    WallSeconds expires_at{};
  };
  /// It is at that member. Nothing happens when it is here.
  void note(const Word& word, WallSeconds now);
  /// All that is known of sessions elsewhere.
  std::vector<Word> words(WallSeconds now) const;
  /// Takes out up to `count` sessions that were not used since `unused_since`, those not used for longest
  /// first in each shard, to be given to whom it may concern.
  std::vector<std::pair<SessionIdBytes, StoredSession>> take(std::size_t count, WallSeconds now,
                                                             WallSeconds unused_since = WallSeconds::max());

  std::size_t size() const;
  /// Sessions that had to go before their time. Not those that had expired.
  std::uint64_t evictions() const noexcept { return evictions_.load(std::memory_order_relaxed); }

 private:
  using Id = SessionIdBytes;
  struct IdHash {
    std::size_t operator()(const Id& id) const noexcept {
      std::size_t hash = 0;
      std::memcpy(&hash, id.data() + kSessionIdSize / 2, sizeof hash);
      return hash;
    }
  };
  struct Entry {
    Id id{};
    StoredSession session{};    // when given away: when that can be forgotten, and no more
    MemberNumber given_to = 0;  // 0: it is here
    WallSeconds used_at{};
  };
  struct Shard {
    mutable std::mutex mutex{};
    std::size_t capacity = 0;
    std::list<Entry> entries{};  // used last first
    std::unordered_map<Id, std::list<Entry>::iterator, IdHash> index{};
    std::size_t here = 0;  // entries that are not given away
  };

  Shard& shard_of(const Id& id) const noexcept;
  static void erase(Shard& shard, std::list<Entry>::iterator entry) noexcept;
  void make_room(Shard& shard, WallSeconds now);

  std::vector<std::unique_ptr<Shard>> shards_;
  std::atomic<std::uint64_t> evictions_{0};
};

}  // namespace sluice::tls
