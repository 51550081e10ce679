#include "cluster/handover_table.hpp"

#include <cstdlib>
#include <utility>

namespace sluice::cluster {

HandoverId Departures::begin(tls::MemberNumber to) {
  const std::lock_guard lock(mutex_);
  entries_.emplace(++last_, Entry{.to = to});
  return last_;
}

void Departures::asked(HandoverId id, Done done, Monotonic::time_point now) {
  wait(id, std::move(done), now, false);
}

void Departures::offered(HandoverId id, Done done, Monotonic::time_point now) {
  wait(id, std::move(done), now, true);
}

void Departures::wait(HandoverId id, Done done, Monotonic::time_point now, bool offers) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    if (found != entries_.end() && found->second.source.phase() != HandoverSource::Phase::kept) {
      if (offers) found->second.source.offer();
      found->second.done = std::move(done);
      found->second.deadline = now + (offers ? kPatience : kAskPatience);
      return;
    }
  }
  done(false);
}

bool Departures::knows(HandoverId id, tls::MemberNumber from) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  return found != entries_.end() && found->second.to == from;
}

bool Departures::empty() const {
  const std::lock_guard lock(mutex_);
  return entries_.empty();
}

bool Departures::failed(HandoverId id) {
  return hear(
      id, std::nullopt, [](HandoverSource& source) { return source.keep(); }, false);
}

void Departures::give(HandoverId id) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) std::abort();
  found->second.source.give();
  entries_.erase(found);
}

void Departures::keep(HandoverId id) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  found->second.source.stay();
  entries_.erase(found);
}

template <class Step>
bool Departures::hear(HandoverId id, std::optional<tls::MemberNumber> from, Step step, bool fine) {
  Done done;
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    if (found == entries_.end() || (from && found->second.to != *from)) return false;
    if (!step(found->second.source)) return false;
    done = std::exchange(found->second.done, nullptr);
  }
  if (done) done(fine);
  return true;
}

bool Departures::prepared(HandoverId id, tls::MemberNumber from) {
  return hear(
      id, from, [](HandoverSource& source) { return source.prepared(); }, true);
}

bool Departures::ready(HandoverId id, tls::MemberNumber from) {
  return hear(
      id, from,
      [](HandoverSource& source) {
        return source.ready() || source.phase() == HandoverSource::Phase::ready;  // it came twice
      },
      true);
}

bool Departures::refused(HandoverId id, tls::MemberNumber from) {
  return hear(
      id, from, [](HandoverSource& source) { return source.keep(); }, false);
}

void Departures::expire(Monotonic::time_point now) {
  std::vector<HandoverId> late;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, entry] : entries_) {
      if (entry.done && entry.deadline <= now) late.push_back(id);
    }
  }
  for (const HandoverId id : late) failed(id);
}

void Departures::end_all() { expire(Monotonic::time_point::max()); }

// ---------------------------------------------------------------------------------------------------

bool Arrivals::prepare(const Key& key, Monotonic::time_point now) {
  const std::lock_guard lock(mutex_);
  if (entries_.size() >= kMax || !book_.begin(key.source, key.incarnation, key.id)) return false;
  entries_[key].deadline = now + kPatience;
  return true;
}

bool Arrivals::state(const Key& key, Settle settle, Monotonic::time_point now) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end() || !found->second.target.state()) return false;
  found->second.settle = std::move(settle);
  found->second.deadline = now + kPatience;
  return true;
}

bool Arrivals::restored(const Key& key, Monotonic::time_point now) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end() || !found->second.target.restored()) return false;
  found->second.deadline = now + kPatience;
  return true;
}

bool Arrivals::commit(const Key& key) {
  Settle settle;
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(key);
    if (found == entries_.end() || !found->second.target.commit()) return false;
    settle = std::move(found->second.settle);
    entries_.erase(found);
  }
  settle(true);
  return true;
}

template <class Over>
void Arrivals::give_up(Over over) {
  std::vector<Settle> settles;
  {
    const std::lock_guard lock(mutex_);
    for (auto at = entries_.begin(); at != entries_.end();) {
      if (!over(at->first, at->second)) {
        ++at;
        continue;
      }
      at->second.target.give_up();
      if (at->second.settle) settles.push_back(std::move(at->second.settle));
      at = entries_.erase(at);
    }
  }
  for (const Settle& settle : settles) settle(false);
}

void Arrivals::cancel(const Key& key) {
  give_up([&key](const Key& each, const Entry&) { return each == key; });
}

void Arrivals::expire(Monotonic::time_point now) {
  give_up([now](const Key&, const Entry& entry) { return entry.deadline <= now; });
}

void Arrivals::end_all(tls::MemberNumber source, std::uint64_t incarnation) {
  give_up([=](const Key& each, const Entry&) {
    return each.source == source && each.incarnation == incarnation;
  });
}

}  // namespace sluice::cluster
