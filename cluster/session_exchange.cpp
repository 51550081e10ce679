#include "cluster/session_exchange.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/redirect_error.hpp>

namespace sluice::cluster {

namespace {

/// Of a push, so that a message stays well below its bound.
constexpr std::size_t kBatchBytes = kMessageMax / 2;

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

bool SessionExchange::ask(std::uint32_t request, const tls::SessionIdBytes& id, tls::MemberNumber whom) {
  const Member* member = members_.find(whom);
  if (member == nullptr || member->liveness != Liveness::alive) {
    const auto heir = members_.heir(id, true, whom);
    if (!heir) return false;
    whom = *heir;
  }
  return send_(whom, Fetch{.request = request, .id = id});
}

void SessionExchange::fetch(const tls::SessionIdBytes& id, tls::MemberNumber from, Done done) {
  if (open_.size() == kOpenMax) {
    ++counts_.overrun;
    return done();
  }
  const std::uint32_t request = next_request_++;
  if (!ask(request, id, from)) {
    ++counts_.missing;
    return done();
  }
  Question question{.id = id,
                    .done = std::move(done),
                    .asked = Monotonic::now(),
                    .timer = Timer(executor_, Monotonic::now() + fetch_timeout_)};
  const auto placed = open_.emplace(request, std::move(question)).first;
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
  const bool came = fetched.state.size() > 0 && store(fetched.state, nullptr);
  const auto question = open_.find(fetched.request);
  if (question == open_.end()) return;
  Question& asked = question->second;
  if (came) {
    ++counts_.fetched;
    counts_.fetch_times.observe(std::chrono::duration<double>(Monotonic::now() - asked.asked).count());
    return end(question);
  }
  if (fetched.ask != 0 && asked.hops_left-- > 0 && ask(fetched.request, asked.id, fetched.ask)) return;
  ++counts_.missing;
  end(question);
}

bool SessionExchange::store(const tls::SecretBytes& state, tls::SessionIdBytes* id) {
  const WallSeconds now = wall_now();
  auto decoded = tls::decode_session_state(state.view(), now, tls_.session_timeout());
  if (!decoded) {
    ++counts_.rejected;
    return false;
  }
  if (id != nullptr) *id = decoded->id;
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
  std::map<tls::MemberNumber, Moved> moved;
  std::uint32_t taken = 0;
  for (const auto& state : push.states) {
    tls::SessionIdBytes id{};
    if (!store(state, &id)) continue;
    ++taken;
    const auto home = tls::owner_of(*tls_.ticket_keys().ring(), id);
    if (home && *home != tls_.member()) moved[*home].ids.push_back(id);
  }
  counts_.taken += taken;
  for (auto& [home, message] : moved) {
    message.to = tls_.member();
    send_(home, message);
  }
  return {.request = push.request, .taken = taken};
}

void SessionExchange::on(const Moved& moved) {
  for (const auto& id : moved.ids) tls_.sessions().redirect(id, moved.to);
}

void SessionExchange::on(const Pushed& pushed) {
  const auto waiting = pushes_.find(pushed.request);
  if (waiting == pushes_.end()) return;
  pushed_[pushed.request] = pushed.taken;
  waiting->second->cancel();
}

Task<void> SessionExchange::push_all() {
  std::map<tls::MemberNumber, std::vector<tls::SessionState>> by_keeper;
  const auto ring = tls_.ticket_keys().ring();
  for (auto& [id, session] : tls_.sessions().take(SIZE_MAX, wall_now())) {
    const auto home = tls::owner_of(*ring, id);
    const Member* const member = home ? members_.find(*home) : nullptr;
    const auto keeper = member != nullptr && member->serving() ? std::optional(member->number)
                                                               : members_.heir(id, false, home.value_or(0));
    if (!keeper) {
      ++counts_.lost;
      continue;
    }
    by_keeper[*keeper].push_back({.id = id, .session = std::move(session)});
  }
  for (auto& [keeper, sessions] : by_keeper) {
    auto theirs = std::move(sessions);
    co_await push_to(keeper, std::move(theirs));
  }
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
  const auto timer = std::make_shared<Timer>(executor_, Monotonic::now() + kPushPatience);
  pushes_.emplace(request, timer);
  boost::system::error_code ignored;
  if (send_(member, batch)) co_await timer->async_wait(boost::asio::redirect_error(use_task, ignored));
  pushes_.erase(request);
  const auto answer = pushed_.find(request);
  const std::uint32_t taken = answer == pushed_.end() ? 0 : answer->second;
  if (answer != pushed_.end()) pushed_.erase(answer);
  co_return taken;
}

}  // namespace sluice::cluster
