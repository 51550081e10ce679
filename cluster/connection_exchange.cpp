#include "cluster/connection_exchange.hpp"

#include <utility>

#include <boost/asio/post.hpp>

#include "cluster/tcp_transport.hpp"

namespace sluice::cluster {

namespace {

Arrivals::Key key_of(const Hello& from, HandoverId id) {
  return {.source = tls::number_of_member(from.name), .incarnation = from.incarnation, .id = id};
}

std::string bounded(std::string_view reason) { return std::string(reason.substr(0, kTextMax)); }

}  // namespace

ConnectionExchange::ConnectionExchange(const Executor& executor, SendTo send, TcpTransport* tcp)
    : executor_(executor), send_(std::move(send)), tcp_(tcp), timer_(executor) {}

void ConnectionExchange::post(std::function<void()> work) { boost::asio::post(executor_, std::move(work)); }

void ConnectionExchange::note(std::string_view why) {
  const std::lock_guard lock(mutex_);
  trouble_ = why;
}

std::string ConnectionExchange::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

// --- out
// -------------------------------------------------------------------------------------------------------------

void ConnectionExchange::prepare(tls::MemberNumber to, Prepare message, Done done) {
  departures_.asked(message.handover, std::move(done), Monotonic::now());
  post([this, to, message = std::move(message)]() mutable {
    const bool repair = message.transport == Transport::repair;
    if (repair && tcp_ != nullptr) message.place = tcp_->place();
    const bool can = !repair || (tcp_ != nullptr && tcp_->ready());
    if (!can) note("there is no helper here: " + (tcp_ == nullptr ? "" : tcp_->trouble()));
    if (!can || !send_(to, message)) departures_.failed(message.handover);
    watch();
  });
}

void ConnectionExchange::on_prepared(tls::MemberNumber from, const Prepared& message) {
  if (!departures_.knows(message.handover, from)) return;
  places_[message.handover] = message.place;
  departures_.prepared(message.handover, from);
}

/// Nobody should wait for a word much longer than he would have to.
void ConnectionExchange::watch() {
  if (std::exchange(watching_, true)) return;
  timer_.expires_after(kLook);
  timer_.async_wait([this](const boost::system::error_code& error) {
    watching_ = false;
    if (error) return;
    departures_.expire(Monotonic::now());
    if (!departures_.empty()) watch();
  });
}

void ConnectionExchange::offer(tls::MemberNumber to, HandoverId id, Transport transport,
                               tls::SecretBuffer image, int fd, Done done) {
  departures_.offered(id, std::move(done), Monotonic::now());
  auto state = std::make_shared<State>(State{.handover = id, .image = tls::SecretBytes{Bytes{image}}});
  const auto say = [this, to, state] {
    if (!send_(to, *state)) departures_.failed(state->handover);
  };
  if (transport != Transport::repair) return post(say);
  post([this, id, fd, state, say] {
    tcp_->dump(id, fd, places_[id],
               [this, state, say](const std::string& why, std::vector<std::uint8_t> tcp) {
                 if (!why.empty() || tcp.size() > State::kTcpMax) {
                   note(why);
                   departures_.refused(state->handover);
                   return;
                 }
                 state->tcp = tls::SecretBytes{Bytes{tcp}};
                 say();
               });
  });
}

void ConnectionExchange::give(tls::MemberNumber to, HandoverId id, Transport transport, Done done) {
  departures_.give(id);
  post([this, to, id, transport, done = std::move(done)] {
    places_.erase(id);
    const auto commit = [this, to, id, done](const std::string& why) {
      const bool given = why.empty() && send_(to, Commit{.handover = id});
      if (!why.empty())
        send_(to, Cancel{.handover = id, .from = Cancel::Side::source, .reason = bounded(why)});
      done(given);
    };
    if (transport == Transport::repair) return tcp_->forget(id, commit);
    commit({});
  });
}

/// The other side is told last: what comes for the connection is for this one again by then.
void ConnectionExchange::keep(tls::MemberNumber to, HandoverId id, Transport transport, std::string_view why,
                              Done done) {
  departures_.keep(id);
  Cancel cancel{.handover = id, .from = Cancel::Side::source, .reason = bounded(why)};
  post([this, to, transport, cancel = std::move(cancel), done = std::move(done)] {
    places_.erase(cancel.handover);
    const auto say = [this, to, cancel, done](bool usable) {
      send_(to, cancel);
      done(usable);
    };
    if (transport == Transport::repair) return tcp_->roll_back(cancel.handover, say);
    say(true);
  });
}

// --- what the other side says
// ----------------------------------------------------------------------------------------

bool ConnectionExchange::on(const Hello& from, const Message& message) {
  if (const auto* m = std::get_if<Prepare>(&message)) return on_prepare(from, *m), true;
  if (const auto* m = std::get_if<Prepared>(&message))
    return on_prepared(tls::number_of_member(from.name), *m), true;
  if (const auto* m = std::get_if<State>(&message)) return on_state(from, *m), true;
  if (const auto* m = std::get_if<Commit>(&message))
    return arrivals_->commit(key_of(from, m->handover)), true;
  if (const auto* m = std::get_if<Cancel>(&message)) return on_cancel(from, *m), true;
  if (const auto* m = std::get_if<Ready>(&message)) {
    if (departures_.ready(m->handover, tls::number_of_member(from.name))) return true;
    // Too late: it stays, and the other side has to know.
    send_(tls::number_of_member(from.name),
          Cancel{.handover = m->handover, .from = Cancel::Side::source, .reason = "too late"});
    return true;
  }
  return false;
}

void ConnectionExchange::on_cancel(const Hello& from, const Cancel& message) {
  if (message.from == Cancel::Side::target) {
    if (departures_.refused(message.handover, tls::number_of_member(from.name)))
      note(from.name + ": " + message.reason);
    return;
  }
  const Arrivals::Key key = key_of(from, message.handover);
  arrivals_->cancel(key);
  if (held_.erase(key) > 0) tcp_->cancel(key);
}

void ConnectionExchange::refuse(const Arrivals::Key& key, std::string_view why) {
  send_(key.source, Cancel{.handover = key.id, .from = Cancel::Side::target, .reason = bounded(why)});
}

// --- in
// --------------------------------------------------------------------------------------------------------------

void ConnectionExchange::on_prepare(const Hello& from, const Prepare& message) {
  const Arrivals::Key key = key_of(from, message.handover);
  const bool repair = message.transport == Transport::repair;
  std::string why_not = handlers_.take ? handlers_.refuses() : "no connections are taken";
  if (!repair && message.transport != Transport::relay) why_not = "nothing is known of that transport";
  if (repair && (tcp_ == nullptr || !tcp_->ready())) why_not = "there is no helper for that transport";
  if (why_not.empty() && !arrivals_->prepare(key, Monotonic::now()))
    why_not = "there are too many, or it was here before";
  if (!why_not.empty()) return refuse(key, why_not);
  if (!repair) return void(send_(key.source, Prepared{.handover = key.id}));
  held_[key] = Monotonic::now() + kHeldAtMost;
  tcp_->hold(key, message.client, message.local, message.place, [this, key](const std::string& why) {
    if (why.empty()) {
      send_(key.source, Prepared{.handover = key.id, .place = tcp_->place()});
    } else {
      arrivals_->cancel(key);
      refuse(key, why);
    }
  });
}

void ConnectionExchange::on_state(const Hello& from, const State& message) {
  const Arrivals::Key key = key_of(from, message.handover);
  // The connection may be made, or not, before it is waited for: so what to call then comes first.
  auto tell = std::make_shared<Arrivals::Settle>();
  const auto settled = [this, key, tell](bool ours) { settle(key, ours, *tell); };
  if (!arrivals_->state(key, settled, Monotonic::now())) return refuse(key, "it was not prepared");
  if (!held_.contains(key)) return take(key, message, -1, tell);
  auto state = std::make_shared<State>(message);
  tcp_->restore(key, message.tcp.view(), [this, key, state, tell](const std::string& why, int fd) {
    if (why.empty()) return take(key, *state, fd, tell);
    arrivals_->cancel(key);
    refuse(key, why);
  });
}

void ConnectionExchange::take(const Arrivals::Key& key, const State& message, int fd,
                              std::shared_ptr<Arrivals::Settle> tell) {
  const auto made = [this, key, arrivals = arrivals_](std::string_view why_not) {
    post([this, key, why = std::string(why_not)] {
      if (!why.empty()) arrivals_->cancel(key);
      if (why.empty() && arrivals_->restored(key, Monotonic::now())) {
        send_(key.source, Ready{.handover = key.id});
      } else {
        refuse(key, why);
      }
    });
  };
  *tell = handlers_.take({.key = key,
                          .transport = fd < 0 ? Transport::relay : Transport::repair,
                          .image = message.image,
                          .fd = fd},
                         made);
}

/// A socket that is ours speaks before the connection does. One that is not stays held until its source has
/// said that it has it back, or has not said so for too long.
void ConnectionExchange::settle(const Arrivals::Key& key, bool ours, const Arrivals::Settle& tell) {
  if (!ours || !held_.contains(key)) {
    if (tell) tell(ours);
    return;
  }
  held_.erase(key);
  tcp_->live(key, [tell](const std::string& why) {
    if (tell) tell(why.empty());
  });
}

void ConnectionExchange::tick(Monotonic::time_point now) {
  departures_.expire(now);
  arrivals_->expire(now);
  for (auto held = held_.begin(); held != held_.end();) {
    if (held->second > now) {
      ++held;
      continue;
    }
    arrivals_->cancel(held->first);
    tcp_->cancel(held->first);
    held = held_.erase(held);
  }
}

void ConnectionExchange::stop() {
  timer_.cancel();
  departures_.end_all();
  arrivals_->expire(Monotonic::time_point::max());
}

}  // namespace sluice::cluster
