#include "server/tls/session_store.hpp"

#include <algorithm>

namespace sluice::tls {

namespace {

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

void SessionStore::make_room(Shard& shard, WallSeconds now) {
  while (shard.entries.size() >= shard.capacity) {
    const Entry& oldest = shard.entries.back();
    if (oldest.session.expires_at >= now) evictions_.fetch_add(1, std::memory_order_relaxed);
    shard.index.erase(oldest.id);
    shard.entries.pop_back();
  }
}

void SessionStore::put(Bytes id, StoredSession session, WallSeconds now) {
  if (!is_ours(id) || session.der.size() > kSessionMax) return;
  const Id key = copy_of<Id>(id);
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  if (shard.capacity == 0) return;
  if (const auto found = shard.index.find(key); found != shard.index.end()) {
    found->second->session = std::move(session);
    shard.entries.splice(shard.entries.begin(), shard.entries, found->second);
    return;
  }
  make_room(shard, now);
  shard.entries.push_front({key, std::move(session)});
  shard.index.emplace(key, shard.entries.begin());
}

std::optional<StoredSession> SessionStore::get(Bytes id, WallSeconds now) {
  if (!is_ours(id)) return std::nullopt;
  const Id key = copy_of<Id>(id);
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.index.find(key);
  if (found == shard.index.end()) return std::nullopt;
  const auto entry = found->second;
  if (entry->session.expires_at < now) {
    shard.index.erase(found);
    shard.entries.erase(entry);
    return std::nullopt;
  }
  shard.entries.splice(shard.entries.begin(), shard.entries, entry);
  return entry->session;
}

std::optional<admission::SessionRecord> SessionStore::record_of(Bytes id, WallSeconds now) const {
  if (!is_ours(id)) return std::nullopt;
  const Id key = copy_of<Id>(id);
  const Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.index.find(key);
  if (found == shard.index.end() || found->second->session.expires_at < now) return std::nullopt;
  return found->second->session.record;
}

void SessionStore::remove(Bytes id) {
  if (!is_ours(id)) return;
  const Id key = copy_of<Id>(id);
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.index.find(key);
  if (found == shard.index.end()) return;
  shard.entries.erase(found->second);
  shard.index.erase(found);
}

std::size_t SessionStore::size() const {
  std::size_t size = 0;
  for (const auto& shard : shards_) {
    const std::lock_guard lock(shard->mutex);
    size += shard->entries.size();
  }
  return size;
}

}  // namespace sluice::tls
