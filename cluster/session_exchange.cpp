#include "cluster/session_exchange.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/redirect_error.hpp>

namespace sluice::cluster {

namespace {

/// Of a push, so that a message stays well below its bound.
constexpr std::size_t kBatchBytes = kMessageMax / 2;
/// Sessions that are on their way to others, and with nobody.
constexpr std::size_t kTakenAtOnce = 512;

tls::SecretBytes encoded(const tls::SessionState& state) {
  tls::SecretBuffer bytes;
  bytes.reserve(tls::kSessionStateMax);
  tls::encode(state, bytes);
  return tls::SecretBytes{Bytes{bytes}};
}

}  // namespace

void FetchTimes::observe(double seconds) noexcept {
  const auto bucket = std::ranges::lower_bound(kBounds, seconds) - kBounds.begin();
  ++buckets[static_cast<std::size_t>(bucket)];
  sum += seconds;
}

SessionExchange::SessionExchange(const Executor& executor, tls::Engine& tls, const Members& members,
                                 SendTo send, std::chrono::milliseconds fetch_timeout)
    : executor_(executor),
      tls_(tls),
      members_(members),
      send_(std::move(send)),
      fetch_timeout_(fetch_timeout) {}

// Asking. ------------------------------------------------------------------------------------------

/// First whoever was named, then its home, and then its heirs: a home may have left, and come back, since it
/// handed the session over.
bool SessionExchange::ask(std::uint32_t request, Question& question, tls::MemberNumber whom) {
  const auto home = tls::owner_of(*tls_.ticket_keys().ring(), question.id);
  if (!home) return false;
  const auto asked = [&](tls::MemberNumber place) {
    const Member* const member = members_.find(place);
    const bool before = std::ranges::find(question.asked, place) != question.asked.end();
    if (member == nullptr || member->liveness != Liveness::alive || before) return false;
    question.asked.push_back(place);
    return send_(place, Fetch{.request = request, .id = question.id});
  };
  if (question.asked.size() == kPlacesMax) return false;
  return asked(whom) || asked(*home) || std::ranges::any_of(members_.heirs(question.id, kPlacesMax), asked);
}

void SessionExchange::fetch(const tls::SessionIdBytes& id, tls::MemberNumber from, Done done) {
  if (open_.size() == kOpenMax) {
    ++counts_.overrun;
    return done();
  }
  const std::uint32_t request = next_request_++;
  Question question{.id = id,
                    .done = std::move(done),
                    .began = Monotonic::now(),
                    .timer = Timer(executor_, Monotonic::now() + fetch_timeout_)};
  const auto placed = open_.emplace(request, std::move(question)).first;
  if (!ask(request, placed->second, from)) {
    ++counts_.missing;
    return end(placed);
  }
  placed->second.timer.async_wait([this, request](const boost::system::error_code& error) {
    const auto late = open_.find(request);
    if (error || late == open_.end()) return;
    ++counts_.late;
    end(late);
  });
}

void SessionExchange::end(std::map<std::uint32_t, Question>::iterator question) {
  const Done done = std::move(question->second.done);
  open_.erase(question);
  done();
}

void SessionExchange::stop() {
  while (!open_.empty()) end(open_.begin());
}

void SessionExchange::on(const Fetched& fetched) {
  // What comes too late is ours all the same: the sender has it no more.
  const bool came = fetched.state.size() > 0 && store(fetched.state);
  const auto question = open_.find(fetched.request);
  if (question == open_.end()) return;
  Question& asked = question->second;
  if (came) {
    ++counts_.fetched;
    counts_.fetch_times.observe(std::chrono::duration<double>(Monotonic::now() - asked.began).count());
    return end(question);
  }
  if (ask(fetched.request, asked, fetched.ask)) return;
  ++counts_.missing;
  end(question);
}

bool SessionExchange::store(const tls::SecretBytes& state) {
  const WallSeconds now = wall_now();
  auto decoded = tls::decode_session_state(state.view(), now, tls_.session_timeout());
  if (!decoded) {
    ++counts_.rejected;
    return false;
  }
  tls_.sessions().put(decoded->id, std::move(decoded->session), now);
  return true;
}

// Giving. ------------------------------------------------------------------------------------------

Fetched SessionExchange::answer(const Fetch& fetch, tls::MemberNumber from) {
  auto given = tls_.sessions().give(fetch.id, from, wall_now());
  Fetched answer{.request = fetch.request};
  if (given.session) {
    ++counts_.given;
    answer.state = encoded({.id = fetch.id, .session = *std::move(given.session)});
  } else if (given.last_given_to != from) {
    answer.ask = given.last_given_to;
  }
  return answer;
}

Pushed SessionExchange::answer(const Push& push) {
  std::uint32_t taken = 0;
  for (const auto& state : push.states) taken += store(state) ? 1 : 0;
  counts_.taken += taken;
  return {.request = push.request, .taken = taken};
}

void SessionExchange::on(const Moved& moved) {
  const WallSeconds now = wall_now();
  for (const auto& word : moved.words) {
    if (word.expires_at - now <= tls_.session_timeout()) tls_.sessions().note(word, now);
  }
}

void SessionExchange::on(const Pushed& pushed) {
  const auto waiting = pushes_.find(pushed.request);
  if (waiting == pushes_.end()) return;
  waiting->second->taken = pushed.taken;
  waiting->second->timer.cancel();
}

std::optional<tls::MemberNumber> SessionExchange::keeper(const tls::SessionIdBytes& id) const {
  const auto home = tls::owner_of(*tls_.ticket_keys().ring(), id);
  const Member* const member = home ? members_.find(*home) : nullptr;
  if (member != nullptr && member->serving()) return member->number;
  return members_.heir(id);
}

Task<void> SessionExchange::push_all() {
  tell_words();
  const Keeper keeper_of = [this](const tls::SessionIdBytes& id) { return keeper(id); };
  for (auto taken = tls_.sessions().take(kTakenAtOnce, wall_now()); !taken.empty();) {
    co_await push(std::move(taken), keeper_of);
    taken = tls_.sessions().take(kTakenAtOnce, wall_now());
  }
}

/// They stay away until their clients come back: whichever member these come to finds them.
Task<void> SessionExchange::relieve(tls::MemberNumber member) {
  const WallSeconds now = wall_now();
  auto taken = tls_.sessions().take(kRelievedAtOnce, now, now - kUnused);
  const Keeper keeper_of = [member](const tls::SessionIdBytes&) { return std::optional(member); };
  co_await push(std::move(taken), keeper_of);
}

Task<void> SessionExchange::push(Taken taken, Keeper keeper) {
  std::map<tls::MemberNumber, std::vector<tls::SessionState>> by_keeper;
  for (auto& [id, session] : taken) {
    if (const auto member = keeper(id)) {
      tls_.sessions().note({.id = id, .at = *member, .expires_at = session.expires_at}, wall_now());
      by_keeper[*member].push_back({.id = id, .session = std::move(session)});
    } else {
      ++counts_.lost;
    }
  }
  for (auto& [member, sessions] : by_keeper) {
    auto theirs = std::move(sessions);
    co_await push_to(member, std::move(theirs));
  }
}

void SessionExchange::tell_words() {
  std::map<tls::MemberNumber, Moved> by_keeper;
  for (const auto& word : tls_.sessions().words(wall_now())) {
    const auto member = keeper(word.id);
    if (!member || word.at == tls_.member()) continue;
    Moved& moved = by_keeper[*member];
    moved.words.push_back(word);
    if (moved.words.size() == Moved::kWordsMax) send_(*member, std::exchange(moved, {}));
  }
  for (const auto& [member, moved] : by_keeper) send_(member, moved);
}

Task<void> SessionExchange::push_to(tls::MemberNumber member, std::vector<tls::SessionState> sessions) {
  Push batch;
  std::size_t size = 0;
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    batch.states.push_back(encoded(sessions[i]));
    size += batch.states.back().size();
    if (size < kBatchBytes && i + 1 < sessions.size()) continue;
    const auto count = static_cast<std::uint32_t>(batch.states.size());
    Push full = std::exchange(batch, {});
    const std::uint32_t taken = co_await push_batch(member, std::move(full));
    counts_.pushed += std::min(taken, count);
    counts_.lost += count - std::min(taken, count);
    size = 0;
    if (taken > 0) continue;
    counts_.lost += sessions.size() - i - 1;  // it does not answer; nobody is kept waiting for that
    co_return;
  }
}

Task<std::uint32_t> SessionExchange::push_batch(tls::MemberNumber member, Push batch) {
  const std::uint32_t request = next_request_++;
  batch.request = request;
  Handover handover{.timer = Timer(executor_, Monotonic::now() + kPushPatience)};
  pushes_.emplace(request, &handover);
  boost::system::error_code ignored;
  if (send_(member, batch))
    co_await handover.timer.async_wait(boost::asio::redirect_error(use_task, ignored));
  pushes_.erase(request);
  co_return handover.taken;
}

}  // namespace sluice::cluster
