#include "admission/session_table.hpp"

#include <algorithm>
#include <cassert>
#include <vector>

#include "admission/sample.hpp"

namespace sluice::admission {

double Session::returned(double pause_s, double response_s, double target_s) noexcept {
  // Connections of one session on several processors may lose each other's, which a mean bears.
  const float sum = pauses_s_.load(std::memory_order_relaxed) + static_cast<float>(pause_s);
  const float count = returns_.load(std::memory_order_relaxed) + 1;
  pauses_s_.store(sum, std::memory_order_relaxed);
  returns_.store(count, std::memory_order_relaxed);
  return demand_of(static_cast<double>(sum / count), response_s, target_s, static_cast<double>(count));
}

SessionTable::SessionTable(SessionLimits limits) : limits_(limits) {}

SessionTable::~SessionTable() {
  for (Shard& shard : shards_) {
    for (PlaceList& slot : shard.slots) slot.clear();
    shard.dormant.clear();
    shard.by_age.clear();
  }
}

/// Live from now on, at the end of the wheel.
void SessionTable::wake(Shard& shard, Session& session, Instant now) noexcept {
  Session::store(session.last_seen_, now);
  session.left_.store(false, std::memory_order_relaxed);
  if (session.live_) return;
  session.live_ = true;
  session.place_hook_.unlink();
  shard.slots[slot_.load(std::memory_order_relaxed)].push_back(session);
  live_.fetch_add(1, std::memory_order_relaxed);
}

void SessionTable::rest(Shard& shard, Session& session) noexcept {
  session.live_ = false;
  session.place_hook_.unlink();
  shard.dormant.push_back(session);
  live_.fetch_sub(1, std::memory_order_relaxed);
}

bool SessionTable::make_room(Shard& shard) noexcept {
  if (shard.sessions.size() < std::max<std::size_t>(1, limits_.sessions / kShards)) return true;
  if (shard.dormant.empty()) return false;
  Session& oldest = shard.dormant.front();
  forget(shard, oldest);
  return true;
}

SessionPtr SessionTable::insert(Shard& shard, const SessionRecord& record, Instant now) {
  if (!make_room(shard)) {
    full_.fetch_add(1, std::memory_order_relaxed);
    return nullptr;
  }
  auto session = std::make_shared<Session>();
  session->record_ = record;
  session->known_ = true;
  session->begun_ = session->refilled_ = now;
  session->resumptions_left_ = limits_.resumptions;
  wake(shard, *session, now);
  [[maybe_unused]] const bool fresh = shard.sessions.emplace(record.id, session).second;
  assert(fresh);  // ids are random, or were looked up before
  return session;
}

SessionPtr SessionTable::begin(const SessionRecord& record, Instant now) {
  Shard& shard = shard_of(record.id);
  const std::lock_guard lock(shard.mutex);
  auto session = insert(shard, record, now);
  if (session) shard.by_age.push_back(*session);
  if (session) begun_.fetch_add(1, std::memory_order_relaxed);
  return session;
}

void SessionTable::cancel(const Session& session) noexcept {
  Shard& shard = shard_of(session.record_.id);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.sessions.find(session.record_.id);
  if (found == shard.sessions.end()) return;
  if (found->second->live_) {
    rest(shard, *found->second);
    departed_.fetch_add(1, std::memory_order_relaxed);
  }
  forget(shard, *found->second);
}

void SessionTable::forget(Shard& shard, Session& session) noexcept {
  session.known_ = false;
  session.place_hook_.unlink();
  session.age_hook_.unlink();
  shard.sessions.erase(SessionId{session.record_.id});  // a copy: the session may end with this
}

void SessionTable::seen(Session& session, Instant now) noexcept {
  Session::store(session.last_seen_, now);
  session.left_.store(false, std::memory_order_relaxed);
  if (session.live_.load(std::memory_order_relaxed)) return;
  Shard& shard = shard_of(session.record_.id);
  const std::lock_guard lock(shard.mutex);
  if (!session.known_ || session.live_ || session.shed()) return;
  wake(shard, session, now);
  departed_.fetch_sub(1, std::memory_order_relaxed);
}

bool SessionTable::take_resumption(Session& session, Instant now, Allowance allowance) noexcept {
  const std::chrono::duration<double> passed = now - session.refilled_;
  const double per_s = limits_.resumptions / static_cast<double>(limits_.resumptions_per.count());
  session.refilled_ = now;
  session.resumptions_left_ =
      std::min(limits_.resumptions, session.resumptions_left_ + std::max(0.0, passed.count()) * per_s);
  const double needed = allowance == Allowance::half ? limits_.resumptions / 2 : 1;
  if (session.resumptions_left_ < needed) return allowance == Allowance::unlimited;
  session.resumptions_left_ -= 1;
  return true;
}

void SessionTable::give_back_resumption(Session& session) noexcept {
  const std::lock_guard lock(shard_of(session.record_.id).mutex);
  session.resumptions_left_ = std::min(limits_.resumptions, session.resumptions_left_ + 1);
}

SessionTable::Resumed SessionTable::resume(const SessionRecord& record, Instant now, WallSeconds wall,
                                           Allowance allowance) {
  if (record.epoch != epoch_) return {};
  Shard& shard = shard_of(record.id);
  const std::lock_guard lock(shard.mutex);
  SessionPtr session;
  if (const auto found = shard.sessions.find(record.id); found != shard.sessions.end()) {
    session = found->second;
    if (session->shed() || Session::load(session->last_seen_) + limits_.memory < now) return {};
  } else {
    // The sums are of our own clock: a record's time may be any number.
    if (record.admitted_at < wall - limits_.memory || record.admitted_at > wall + limits_.memory) return {};
    session = insert_elder(shard, record, now);
    if (!session) return {};
  }
  if (!take_resumption(*session, now, allowance)) return {Resumption::excessive, nullptr};
  if (!session->live_) departed_.fetch_sub(1, std::memory_order_relaxed);
  wake(shard, *session, now);
  return {Resumption::in_session, std::move(session)};
}

/// One that began elsewhere, or before a restart.
SessionPtr SessionTable::insert_elder(Shard& shard, const SessionRecord& record, Instant now) {
  auto session = insert(shard, record, now);
  if (!session) return nullptr;
  shard.by_age.push_front(*session);
  departed_.fetch_sub(1, std::memory_order_relaxed);
  return session;
}

SessionPtr SessionTable::adopt(const SessionRecord& record, Instant now) {
  if (record.epoch != epoch_) return nullptr;
  Shard& shard = shard_of(record.id);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.sessions.find(record.id);
  SessionPtr session = found != shard.sessions.end() ? found->second : insert_elder(shard, record, now);
  if (!session || session->shed()) return nullptr;
  if (!session->live_) departed_.fetch_sub(1, std::memory_order_relaxed);
  wake(shard, *session, now);
  return session;
}

void SessionTable::leave(Session& session, Instant now) noexcept {
  Session::store(session.last_seen_, now);
  session.left_.store(true, std::memory_order_relaxed);
}

void SessionTable::look_at_slot(Shard& shard, std::size_t slot, Instant now, Duration horizon) {
  PlaceList due;
  due.swap(shard.slots[slot]);
  while (!due.empty()) {
    Session& session = due.front();
    due.pop_front();
    const bool left = session.left_.load(std::memory_order_relaxed);
    const Duration patience = left ? std::min<Duration>(horizon, kLeaveAfter) : horizon;
    if (Session::load(session.last_seen_) + patience > now) {
      shard.slots[slot].push_back(session);
      continue;
    }
    rest(shard, session);
    departed_.fetch_add(1, std::memory_order_relaxed);
  }
}

void SessionTable::forget_dormant(Shard& shard, Instant now) noexcept {
  while (!shard.dormant.empty()) {
    Session& oldest = shard.dormant.front();
    if (Session::load(oldest.last_seen_) + limits_.memory >= now) return;
    forget(shard, oldest);
  }
}

SessionTable::Change SessionTable::tick(Instant now, Duration horizon) {
  // A turn of the wheel takes a quarter of the horizon, at least a second: each session is looked at that
  // often.
  const Duration turn = std::max<Duration>(horizon / 4, std::chrono::seconds{1});
  if (looked_ == Instant{}) looked_ = now;
  std::size_t steps = 0;
  while (steps < kSlots && looked_ + turn / kSlots <= now) {
    looked_ += turn / kSlots;
    ++steps;
    const std::size_t slot = (slot_.load(std::memory_order_relaxed) + 1) % kSlots;
    slot_.store(slot, std::memory_order_relaxed);
    for (Shard& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      look_at_slot(shard, slot, now, horizon);
      if (slot == 0) forget_dormant(shard, now);
    }
  }
  if (steps == kSlots) looked_ = now;
  return {.live = live(),
          .begun = begun_.exchange(0, std::memory_order_relaxed),
          .departed = departed_.exchange(0, std::memory_order_relaxed)};
}

std::size_t SessionTable::shed_from(Shard& shard, std::size_t count, Instant now) noexcept {
  const std::lock_guard lock(shard.mutex);
  std::size_t done = 0;
  for (auto at = shard.by_age.end(); done < count && at != shard.by_age.begin();) {
    Session& session = *--at;
    if (!session.live_ || Session::load(session.protected_until_) > now || session.shed()) continue;
    session.shed_.store(true, std::memory_order_relaxed);
    rest(shard, session);
    departed_.fetch_add(1, std::memory_order_relaxed);
    ++done;
  }
  return done;
}

std::size_t SessionTable::shed(std::size_t count, Instant now) {
  std::size_t done = 0;
  // Shards are alike, ids being random: each gives its part. What is missing then comes from any.
  for (std::size_t i = 0; i < kShards && done < count; ++i)
    done += shed_from(shards_[i], (count - done + (kShards - i) - 1) / (kShards - i), now);
  for (std::size_t i = 0; i < kShards && done < count; ++i) done += shed_from(shards_[i], count - done, now);
  return done;
}

std::size_t SessionTable::size() const {
  std::size_t sum = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    sum += shard.sessions.size();
  }
  return sum;
}

}  // namespace sluice::admission
