#include <utility>

#include "cluster/tcp/memory.hpp"
#include "cluster/tcp/mover.hpp"

/// A connection that goes out: dump, roll back, forget, settle.
namespace sluice::cluster::tcp {

namespace {

constexpr std::chrono::microseconds kBarrierLook{200};
constexpr std::chrono::milliseconds kSettleLook{5};
/// Then it is rolled back; the redirect would end a little later by itself.
constexpr std::chrono::seconds kUndecided{8};
constexpr std::size_t kLeftMax = 65'536;

std::uint64_t nanoseconds(Monotonic::time_point time) noexcept {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

}  // namespace

Failure Mover::may_dump(int fd, const Flow& flow, const Place& target) const {
  if (!local(flow)) return "clients don't come to " + text_of(flow.local) + " here";
  if (target.mac == interface_.mac || target.mac == Mac{}) return "that is no other member's place";
  if (held_.contains(flow) || dumped_.contains(flow)) return "the flow is being moved already";
  if (outgoing_.size() >= options_.moves_max) return "too many flows are leaving at a time";
  const History history = history_of(flow);
  if (history.home.port == 0 && history.moves > kRedirectsMax)
    return "too many members forward it already, as nobody takes orders (--listen)";
  return obstacle(fd);
}

Task<Mover::Reply> Mover::dump(Key key, DumpSocket dump, Descriptor socket) {
  if (incoming_.contains(key) || outgoing_.contains(key)) co_return refuse(key, "the name is taken");
  const auto flow = flow_of(socket.get());
  if (!flow) co_return refuse(key, "that is no connected TCP socket");
  if (auto why = may_dump(socket.get(), *flow, dump.target)) co_return refuse(key, *std::move(why));
  const auto began = Monotonic::now();
  const int fd = socket.get();
  dumped_[*flow] = key;
  outgoing_[key] = {.flow = *flow,
                    .socket = std::move(socket),
                    .target = dump.target,
                    .history = history_of(*flow),
                    .until = began + kUndecided};
  bool sent = all_sent(fd);
  while (!sent && Monotonic::now() < began + options_.barrier && !outgoing_[key].abandoned) {
    co_await pause(kBarrierLook);
    sent = all_sent(fd);
  }
  Outgoing& outgoing = outgoing_[key];
  outgoing.pending = false;
  Reply reply = outgoing.abandoned ? refuse(key, "it was called off")
                : sent             ? take_out(key, outgoing)
                                   : refuse(key, "the client does not take what was sent in time");
  if (std::holds_alternative<Refused>(reply.message)) {
    dumped_.erase(*flow);
    outgoing_.erase(key);
  }
  co_return reply;
}

/// From the redirect on nothing comes in any more, so what is read of a frozen socket is all there is.
Mover::Reply Mover::take_out(Key key, Outgoing& leaving) {
  const int fd = leaving.socket.get();
  if (auto why = ingress_.redirect(leaving.flow, leaving.target.mac)) return refuse(key, *std::move(why));
  const auto redirected_at = Monotonic::now();
  if (auto why = freeze(fd)) {
    ingress_.restore(leaving.flow);
    return refuse(key, *std::move(why));
  }
  auto state = read_state(fd);
  Descriptor memory;
  if (state) {
    state->home = leaving.history.home;
    state->moves = leaving.history.moves;
    memory = sealed_memory(encode(*state));
  }
  if (memory) return {Dumped{key.id, nanoseconds(redirected_at)}, std::move(memory)};
  undo(leaving);
  return refuse(key, state ? "there is no memory for its state" : state.error());
}

/// The redirect first: what comes next is for this socket again.
void Mover::undo(Outgoing& outgoing) {
  ingress_.restore(outgoing.flow);
  thaw(outgoing.socket.get());
}

Mover::Reply Mover::roll_back(Key key, const Descriptor& socket) {
  const auto at = outgoing_.find(key);
  if (at != outgoing_.end()) {
    ++counts_.rolled_back;
    undo(at->second);
    dumped_.erase(at->second.flow);
    outgoing_.erase(at);
    return done(key);
  }
  const auto flow = flow_of(socket.get());
  if (!flow || !local(*flow)) return refuse(key, "that socket is none of clients");
  if (dumped_.contains(*flow)) return refuse(key, "somebody else moves that flow");
  ++counts_.rolled_back;
  ingress_.restore(*flow);
  if (auto why = thaw(socket.get())) return refuse(key, *std::move(why));
  return done(key);
}

Mover::Reply Mover::forget(Key key) {
  const auto at = outgoing_.find(key);
  if (at == outgoing_.end() || at->second.pending) return refuse(key, "it was not dumped, or is rolled back");
  leave(at);
  return done(key);
}

/// The socket goes, the redirect stays: as long as the flow lasts, unless who has the frames first takes it
/// over.
void Mover::leave(std::map<Key, Outgoing>::iterator at) {
  const Key key = at->first;
  const Outgoing& outgoing = at->second;
  const Flow flow = outgoing.flow;
  const History history = outgoing.history;
  vanish(outgoing.socket.get());
  ++counts_.out;
  here_.erase(flow);
  passed_[flow] = static_cast<std::uint16_t>(history.moves - 1);
  Leaving leaving{.known = true};
  if (const auto why = ingress_.decide(flow)) leaving.remark = *why;
  if (history.home.port == 0)
    leaving.remark = "no tier in front takes orders: this member goes on forwarding";
  const bool ask = redirector_ != nullptr && history.home.port != 0 && history.home != options_.own_director;
  leaving.known = !ask;
  if (history.home == options_.own_director && history.home.port != 0)
    leaving.remark = "its frames come here first: this member goes on forwarding";
  if (left_.size() < kLeftMax) left_[key] = leaving;
  if (ask)
    flip(history, flow, outgoing.target.mac,
         [this, key, flow](const Failure& why) { settled(key, flow, why); });
  dumped_.erase(flow);
  outgoing_.erase(at);
}

void Mover::settled(Key key, const Flow& flow, const Failure& why) {
  if (why) {
    ++counts_.unsettled;
  } else if (!dumped_.contains(flow)) {
    ingress_.expire(flow);
  }
  const auto at = left_.find(key);
  if (at != left_.end()) at->second = {.known = true, .remark = why.value_or("")};
}

Task<Mover::Reply> Mover::settle(Key key) {
  auto at = left_.find(key);
  while (at != left_.end() && !at->second.known) {
    co_await pause(kSettleLook);
    at = left_.find(key);
  }
  if (at == left_.end()) co_return refuse(key, "it did not go on from here");
  std::string remark = std::move(at->second.remark);
  left_.erase(at);
  co_return done(key, std::move(remark));
}

}  // namespace sluice::cluster::tcp
