#include "cluster/connection_exchange.hpp"

#include <memory>
#include <utility>

#include <boost/asio/post.hpp>

namespace sluice::cluster {

namespace {

Arrivals::Key key_of(const Hello& from, HandoverId id) {
  return {.source = tls::number_of_member(from.name), .incarnation = from.incarnation, .id = id};
}

std::string bounded(std::string_view reason) { return std::string(reason.substr(0, kTextMax)); }

}  // namespace

ConnectionExchange::ConnectionExchange(const Executor& executor, SendTo send)
    : executor_(executor), send_(std::move(send)) {}

void ConnectionExchange::post(std::function<void()> work) { boost::asio::post(executor_, std::move(work)); }

// --- out
// -------------------------------------------------------------------------------------------------------------

void ConnectionExchange::prepare(tls::MemberNumber to, Prepare message, Done done) {
  departures_.asked(message.handover, std::move(done), Monotonic::now());
  post([this, to, message = std::move(message)] {
    if (!send_(to, message)) departures_.refused(message.handover);
  });
}

void ConnectionExchange::offer(tls::MemberNumber to, HandoverId id, tls::SecretBuffer image, Done done) {
  departures_.offered(id, std::move(done), Monotonic::now());
  post([this, to, state = State{.handover = id, .image = tls::SecretBytes{Bytes{image}}}] {
    if (!send_(to, state)) departures_.refused(state.handover);
  });
}

void ConnectionExchange::give(tls::MemberNumber to, HandoverId id) {
  departures_.give(id);
  post([this, to, id] { send_(to, Commit{.handover = id}); });
}

void ConnectionExchange::keep(tls::MemberNumber to, HandoverId id, std::string_view why) {
  departures_.keep(id);
  post([this, to, cancel = Cancel{.handover = id, .from = Cancel::Side::source, .reason = bounded(why)}] {
    send_(to, cancel);
  });
}

// --- what the other side says
// ----------------------------------------------------------------------------------------

bool ConnectionExchange::on(const Hello& from, const Message& message) {
  const tls::MemberNumber number = tls::number_of_member(from.name);
  if (const auto* m = std::get_if<Prepare>(&message)) return on_prepare(from, *m), true;
  if (const auto* m = std::get_if<Prepared>(&message)) return departures_.prepared(m->handover), true;
  if (const auto* m = std::get_if<State>(&message)) return on_state(from, *m), true;
  if (const auto* m = std::get_if<Commit>(&message))
    return arrivals_->commit(key_of(from, m->handover)), true;
  if (const auto* m = std::get_if<Cancel>(&message)) return on_cancel(from, *m), true;
  if (const auto* m = std::get_if<Ready>(&message)) {
    if (departures_.ready(m->handover)) return true;
    // Too late: it stays, and the other side has to know.
    send_(number, Cancel{.handover = m->handover, .from = Cancel::Side::source, .reason = "too late"});
    return true;
  }
  return false;
}

void ConnectionExchange::on_cancel(const Hello& from, const Cancel& message) {
  if (message.from == Cancel::Side::source) {
    arrivals_->cancel(key_of(from, message.handover));
  } else {
    departures_.refused(message.handover);
  }
}

void ConnectionExchange::refuse(tls::MemberNumber whom, HandoverId id, std::string_view why) {
  send_(whom, Cancel{.handover = id, .from = Cancel::Side::target, .reason = bounded(why)});
}

// --- in
// --------------------------------------------------------------------------------------------------------------

void ConnectionExchange::on_prepare(const Hello& from, const Prepare& message) {
  const tls::MemberNumber number = tls::number_of_member(from.name);
  std::string why_not = "no connections are taken";
  if (message.transport == Transport::relay && handlers_.take) why_not = handlers_.refuses();
  if (why_not.empty() && !arrivals_->prepare(key_of(from, message.handover), Monotonic::now()))
    why_not = "there are too many, or it was here before";
  if (!why_not.empty()) return refuse(number, message.handover, why_not);
  send_(number, Prepared{.handover = message.handover});
}

void ConnectionExchange::on_state(const Hello& from, const State& message) {
  const Arrivals::Key key = key_of(from, message.handover);
  // The connection may be made, or not, before it is waited for: so what to call then comes first.
  auto settle = std::make_shared<Arrivals::Settle>();
  const auto settled = [settle](bool ours) {
    if (*settle) (*settle)(ours);
  };
  if (!arrivals_->state(key, settled, Monotonic::now()))
    return refuse(key.source, key.id, "it was not prepared");
  const auto made = [this, key, arrivals = arrivals_](std::string_view why_not) {
    if (!why_not.empty()) arrivals->cancel(key);
    const bool ready = why_not.empty() && arrivals->restored(key, Monotonic::now());
    post([this, key, ready, why = std::string(why_not)] {
      if (ready) {
        send_(key.source, Ready{.handover = key.id});
      } else {
        refuse(key.source, key.id, why);
      }
    });
  };
  *settle = handlers_.take({.key = key, .transport = Transport::relay, .image = message.image}, made);
}

void ConnectionExchange::tick(Monotonic::time_point now) {
  departures_.expire(now);
  arrivals_->expire(now);
}

void ConnectionExchange::stop() {
  departures_.end_all();
  arrivals_->expire(Monotonic::time_point::max());
}

}  // namespace sluice::cluster
