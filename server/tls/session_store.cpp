#include "server/tls/session_store.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace sluice::tls {

namespace {

/// Entries of a shard, under its lock, in search of some to give away.
constexpr std::size_t kLooksMax = 1024;

bool is_ours(Bytes id) noexcept { return id.size() == kSessionIdSize; }

template <class Id>
Id copy_of(Bytes id) noexcept {
  Id copy{};
  std::copy(id.begin(), id.end(), copy.begin());
  return copy;
}

}  // namespace

SessionStore::SessionStore(std::size_t capacity, std::size_t shards) {
  const std::size_t count = std::clamp<std::size_t>(std::min(capacity, shards), 1, kShards);
  for (std::size_t i = 0; i < count; ++i) {
    shards_.push_back(std::make_unique<Shard>());
    shards_.back()->capacity = capacity / count + (i < capacity % count ? 1 : 0);
  }
}

SessionStore::Shard& SessionStore::shard_of(const Id& id) const noexcept {
  return *shards_[id.back() % shards_.size()];  // the hash is made of other bytes
}

void SessionStore::erase(Shard& shard, std::list<Entry>::iterator entry) noexcept {
  if (entry->given_to == 0) --shard.here;
  shard.index.erase(entry->id);
  shard.entries.erase(entry);
}

void SessionStore::make_room(Shard& shard, WallSeconds now) {
  while (shard.entries.size() >= shard.capacity) {
    const auto oldest = std::prev(shard.entries.end());
    if (oldest->given_to == 0 && oldest->session.expires_at >= now)
      evictions_.fetch_add(1, std::memory_order_relaxed);
    erase(shard, oldest);
  }
}

void SessionStore::put(Bytes id, StoredSession session, WallSeconds now) {
  if (!is_ours(id) || session.der.size() > kSessionMax) return;
  const Id key = copy_of<Id>(id);
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  if (shard.capacity == 0) return;
  if (const auto found = shard.index.find(key); found != shard.index.end()) erase(shard, found->second);
  make_room(shard, now);
  shard.entries.push_front({.id = key, .session = std::move(session), .used_at = now});
  shard.index.emplace(key, shard.entries.begin());
  ++shard.here;
}

std::optional<StoredSession> SessionStore::get(Bytes id, WallSeconds now) {
  if (!is_ours(id)) return std::nullopt;
  const Id key = copy_of<Id>(id);
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.index.find(key);
  if (found == shard.index.end() || found->second->given_to != 0) return std::nullopt;
  const auto entry = found->second;
  if (entry->session.expires_at < now) {
    erase(shard, entry);
    return std::nullopt;
  }
  shard.entries.splice(shard.entries.begin(), shard.entries, entry);
  entry->used_at = now;
  return entry->session;
}

std::optional<admission::SessionRecord> SessionStore::record_of(Bytes id, WallSeconds now) const {
  if (!is_ours(id)) return std::nullopt;
  const Id key = copy_of<Id>(id);
  const Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.index.find(key);
  if (found == shard.index.end() || found->second->given_to != 0 || found->second->session.expires_at < now)
    return std::nullopt;
  return found->second->session.record;
}

void SessionStore::remove(Bytes id) {
  if (!is_ours(id)) return;
  const Id key = copy_of<Id>(id);
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  if (const auto found = shard.index.find(key); found != shard.index.end()) erase(shard, found->second);
}

// Sessions that move. ------------------------------------------------------------------------------

SessionStore::Given SessionStore::give(Bytes id, MemberNumber to, WallSeconds now) {
  if (!is_ours(id)) return {};
  const Id key = copy_of<Id>(id);
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.index.find(key);
  if (found == shard.index.end()) return {};
  const auto entry = found->second;
  if (entry->session.expires_at < now) {
    erase(shard, entry);
    return {};
  }
  Given given{.last_given_to = std::exchange(entry->given_to, to)};
  if (given.last_given_to != 0) return given;
  --shard.here;
  StoredSession word{.expires_at = entry->session.expires_at};
  given.session = std::exchange(entry->session, std::move(word));
  return given;
}

MemberNumber SessionStore::given_to(Bytes id, WallSeconds now) const {
  if (!is_ours(id)) return 0;
  const Id key = copy_of<Id>(id);
  const Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.index.find(key);
  return found == shard.index.end() || found->second->session.expires_at < now ? 0 : found->second->given_to;
}

void SessionStore::note(const Word& word, WallSeconds now) {
  Shard& shard = shard_of(word.id);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.index.find(word.id);
  if (found != shard.index.end()) {
    if (found->second->given_to != 0) found->second->given_to = word.at;
    return;
  }
  if (shard.capacity == 0 || word.at == 0 || word.expires_at < now) return;
  make_room(shard, now);
  shard.entries.push_front({.id = word.id, .session = {.expires_at = word.expires_at}, .given_to = word.at});
  shard.index.emplace(word.id, shard.entries.begin());
}

std::vector<SessionStore::Word> SessionStore::words(WallSeconds now) const {
  std::vector<Word> words;
  for (const auto& shard : shards_) {
    const std::lock_guard lock(shard->mutex);
    for (const Entry& entry : shard->entries) {
      if (entry.given_to != 0 && entry.session.expires_at >= now)
        words.push_back({.id = entry.id, .at = entry.given_to, .expires_at = entry.session.expires_at});
    }
  }
  return words;
}

std::vector<std::pair<SessionIdBytes, StoredSession>> SessionStore::take(std::size_t count, WallSeconds now,
                                                                         WallSeconds unused_since) {
  std::vector<std::pair<SessionIdBytes, StoredSession>> taken;
  taken.reserve(std::min(count, size()));
  // Whoever takes some again and again takes from all shards.
  const auto first = static_cast<std::size_t>(now.time_since_epoch().count()) % shards_.size();
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    Shard& shard = *shards_[(first + i) % shards_.size()];
    const std::lock_guard lock(shard.mutex);
    std::size_t looks = unused_since == WallSeconds::max() ? SIZE_MAX : kLooksMax;
    for (auto after = shard.entries.end();
         after != shard.entries.begin() && taken.size() < count && looks > 0; --looks) {
      const auto entry = std::prev(after);
      if (entry->given_to != 0) {
        after = entry;
        continue;
      }
      if (entry->used_at > unused_since) break;  // so were all before it
      if (entry->session.expires_at >= now) taken.emplace_back(entry->id, std::move(entry->session));
      erase(shard, entry);
    }
  }
  return taken;
}

std::size_t SessionStore::size() const {
  std::size_t size = 0;
  for (const auto& shard : shards_) {
    const std::lock_guard lock(shard->mutex);
    size += shard->here;
  }
  return size;
}

}  // namespace sluice::tls
