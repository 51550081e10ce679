#include <utility>

#include "cluster/tcp/memory.hpp"
#include "cluster/tcp/mover.hpp"

/// A connection that comes in: hold, restore, live, cancel.
namespace sluice::cluster::tcp {

namespace {

constexpr std::chrono::milliseconds kLook{1};
/// The kernel goes on dropping what is held for so long after everybody has given it up: the source may
/// still have to take the flow back, and until then RST would be the answer.
constexpr std::chrono::milliseconds kLapse{2'000};

}  // namespace

Failure Mover::may_hold(const Hold& hold) const {
  if (!local(hold.flow)) return "clients don't come to " + text_of(hold.flow.local) + " here";
  if (held_.contains(hold.flow) || dumped_.contains(hold.flow)) return "the flow is being moved already";
  if (incoming_.size() >= options_.moves_max) return "too many flows are coming at a time";
  if (hold.source.mac == interface_.mac) return "it comes from this very interface";
  return std::nullopt;
}

Task<Mover::Reply> Mover::hold(Key key, Hold hold) {
  if (incoming_.contains(key) || outgoing_.contains(key)) co_return refuse(key, "the name is taken");
  if (auto why = may_hold(hold)) co_return refuse(key, *std::move(why));
  const auto began = Monotonic::now();
  held_[hold.flow] = key;
  incoming_[key] = {.flow = hold.flow, .source = hold.source, .since = began, .until = began + options_.hold};
  bool there = diag_.there(hold.flow);
  while (there && Monotonic::now() < began + options_.closing) {
    co_await pause(kLook);
    there = diag_.there(hold.flow);
  }
  Failure why;
  if (there) why = "a socket of that flow is here";
  if (!why) why = ingress_.hold(hold.flow, hold.source.mac, began + options_.hold + kLapse);
  incoming_[key].pending = false;
  incoming_[key].detour = ingress_.redirected(hold.flow).has_value();
  if (!why) {
    lapsing_.erase(hold.flow);
    co_return done(key);
  }
  held_.erase(hold.flow);
  incoming_.erase(key);
  co_return refuse(key, *std::move(why));
}

Mover::Reply Mover::restore(Key key, const Descriptor& memory) {
  const auto at = incoming_.find(key);
  if (at == incoming_.end() || at->second.pending || at->second.socket)
    return refuse(key, "nothing is held for it");
  const auto bytes = read_memory(memory.get(), kStateMax);
  const auto state = bytes ? decode_state(*bytes) : std::nullopt;
  if (!state || state->flow != at->second.flow) return refuse(key, "that is not the state of this flow");
  const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(Monotonic::now() - at->second.since);
  auto socket = make_socket(*state, age);
  if (!socket) return refuse(key, socket.error());
  Descriptor copy{::dup(socket->get())};
  if (!copy) return refuse(key, "there are no descriptors left");
  at->second.socket = *std::move(socket);
  at->second.history = {state->home, state->moves};
  return {Restored{key.id}, std::move(copy)};
}

/// Until the hold is gone nothing reaches the socket but what is delivered here, in order.
Mover::Reply Mover::live(Key key, const Descriptor& socket) {
  const auto at = incoming_.find(key);
  const auto flow = flow_of(socket.get());
  if (!flow || !local(*flow)) return refuse(key, "that socket is none of clients");
  if (at != incoming_.end() && (at->second.flow != *flow || !at->second.socket))
    return refuse(key, "that socket was not restored for it");
  if (at == incoming_.end() && (held_.contains(*flow) || dumped_.contains(*flow)))
    return refuse(key, "somebody else moves that flow");
  ingress_.restore(*flow);
  if (auto why = revive(socket.get())) return refuse(key, *std::move(why));
  ++counts_.in;
  if (at == incoming_.end()) {  // a helper before this one made it
    ingress_.release(*flow);
    return done(key, "the helper was started again meanwhile; what the client sent is sent again");
  }
  auto& incoming = at->second;
  incoming.detour = false;
  capture();
  for (Frame& frame : std::exchange(incoming.frames, {})) capture_.deliver(frame);
  ingress_.release(*flow);
  capture();
  for (Frame& frame : incoming.frames) capture_.deliver(frame);
  captured_ -= incoming.bytes;
  here_[*flow] = at_home(*flow, incoming.history);
  if (redirector_ != nullptr && incoming.history.home.port != 0 &&
      incoming.history.home != options_.own_director)
    flip(incoming.history, *flow, interface_.mac, [](const Failure&) {});  // the source hears of it as well
  held_.erase(*flow);
  incoming_.erase(at);
  return done(key);
}

/// Members in a row that forward what comes here are no more than when it was here before.
Mover::History Mover::at_home(const Flow& flow, History history) {
  const auto before = passed_.find(flow);
  if (before == passed_.end()) return history;
  if (history.home.port == 0) history.moves = before->second;
  passed_.erase(before);
  return history;
}

Mover::Reply Mover::cancel(Key key) {
  const auto at = incoming_.find(key);
  if (at == incoming_.end()) return refuse(key, "nothing is held for it");
  ++counts_.cancelled;
  let_go(at, true);
  return done(key);
}

/// `release`: frames may go to the kernel from now on.
void Mover::let_go(std::map<Key, Incoming>::iterator at, bool release) {
  Incoming& incoming = at->second;
  if (incoming.socket) vanish(incoming.socket.get());
  capture();
  if (release) {
    ingress_.release(incoming.flow);
    capture();
  } else {
    lapsing_[incoming.flow] = Monotonic::now() + kLapse;
  }
  for (Frame& frame : incoming.frames) capture_.send_to(incoming.source.mac, frame);
  captured_ -= incoming.bytes;
  held_.erase(incoming.flow);
  incoming_.erase(at);
}

void Mover::await_frames() {
  readable_.async_wait(decltype(readable_)::wait_read, [this](const auto& error) {
    if (error) return;
    capture();
    await_frames();
  });
}

void Mover::capture() {
  while (!capture_.read([this](Frame frame) { keep(std::move(frame)); })) continue;
}

void Mover::keep(Frame frame) {
  const auto flow = flow_of_frame(frame);
  const auto held = flow ? held_.find(*flow) : held_.end();
  if (held == held_.end()) return;
  Incoming& incoming = incoming_.at(held->second);
  if (incoming.detour && source_of(frame) != incoming.source.mac) return;  // the source gets it
  ++counts_.frames;
  if (incoming.bytes + frame.size() > options_.captured_max ||
      captured_ + frame.size() > options_.captured_max_all) {
    ++counts_.frames_lost;
    return;
  }
  incoming.bytes += frame.size();
  captured_ += frame.size();
  incoming.frames.push_back(std::move(frame));
}

}  // namespace sluice::cluster::tcp
