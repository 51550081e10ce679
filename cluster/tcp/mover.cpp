#include "cluster/tcp/mover.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include <boost/asio/redirect_error.hpp>

namespace sluice::cluster::tcp {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::milliseconds kLook{1};
constexpr std::size_t kLooked = 64;  // each sweep

/// Looks at the next few behind `last`, in a circle.
template <class Value, class Over>
void erase_some(std::map<Flow, Value>& map, Flow& last, Over over) {
  auto at = map.upper_bound(last);
  for (std::size_t i = 0; i < kLooked && !map.empty(); ++i) {
    if (at == map.end()) at = map.begin();
    last = at->first;
    at = over(last) ? map.erase(at) : std::next(at);
    if (i + 1 >= map.size()) break;
  }
}

}  // namespace

Mover::Mover(asio::io_context& io, const Interface& interface, Ingress& ingress, Redirector* redirector,
             MoverOptions options)
    : io_(io),
      interface_(interface),
      ingress_(ingress),
      redirector_(redirector),
      options_(std::move(options)),
      capture_(interface),
      readable_(io.get_executor(), capture_.descriptor()) {
  ingress_.watch(capture_.descriptor());
  await_frames();
}

Mover::~Mover() { readable_.release(); }

Task<Mover::Reply> Mover::handle(const void* asker, Message message, Descriptor beside) {
  if (const auto* asked = std::get_if<Hold>(&message)) {
    co_return co_await hold({asker, asked->id}, *asked);
  } else if (const auto* dumping = std::get_if<DumpSocket>(&message)) {
    co_return co_await dump({asker, dumping->id}, *dumping, std::move(beside));
  } else if (const auto* settling = std::get_if<Settle>(&message)) {
    co_return co_await settle({asker, settling->id});
  } else if (const auto* restoring = std::get_if<Restore>(&message)) {
    co_return restore({asker, restoring->id}, beside);
  } else if (const auto* living = std::get_if<Live>(&message)) {
    co_return live({asker, living->id}, beside);
  } else if (const auto* cancelling = std::get_if<Cancel>(&message)) {
    const Key key{asker, cancelling->id};
    co_await at_rest(key);
    co_return cancel(key);
  } else if (const auto* back = std::get_if<RollBack>(&message)) {
    const Key key{asker, back->id};
    co_await at_rest(key);
    co_return roll_back(key, beside);
  } else if (const auto* forgetting = std::get_if<Forget>(&message)) {
    co_return forget({asker, forgetting->id});
  }
  co_return refuse({}, "that is no request");
}

Mover::Reply Mover::refuse(Key key, std::string why) {
  ++counts_.refused;
  return {Refused{key.id, std::move(why)}, {}};
}

Mover::Reply Mover::done(Key key, std::string remark) {
  const auto now = static_cast<std::uint64_t>(Monotonic::now().time_since_epoch().count());
  return {IsDone{key.id, now, std::move(remark)}, {}};
}

Task<void> Mover::pause(std::chrono::microseconds time) {
  Timer timer(io_.get_executor(), time);
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(use_task, ignored));
}

Task<void> Mover::at_rest(Key key) {
  while (true) {
    const auto in = incoming_.find(key);
    const auto out = outgoing_.find(key);
    const bool waits =
        (in != incoming_.end() && in->second.pending) || (out != outgoing_.end() && out->second.pending);
    if (!waits) co_return;
    if (out != outgoing_.end()) out->second.abandoned = true;
    co_await pause(kLook);
  }
}

bool Mover::local(const Flow& flow) const noexcept {
  return std::ranges::find(options_.locals, flow.local) != options_.locals.end();
}

bool Mover::may_flip(const Flow& flow) const noexcept { return local(flow) && !dumped_.contains(flow); }

Mover::History Mover::history_of(const Flow& flow) const {
  const auto known = here_.find(flow);
  History history = known == here_.end() ? History{options_.own_director, 0} : known->second;
  if (options_.director.port != 0) history.home = options_.director;
  ++history.moves;
  return history;
}

void Mover::flip(const History& history, const Flow& flow, const Mac& mac,
                 std::function<void(Failure)> done) {
  redirector_->flip(history.home, Flip{.flow = flow, .mac = mac, .moves = history.moves}, std::move(done));
}

void Mover::gone(const void* asker) {
  for (auto at = incoming_.begin(); at != incoming_.end();) {
    const auto now = at++;
    if (now->first.asker == asker && !now->second.pending) let_go(now, false);
  }
  for (auto at = outgoing_.begin(); at != outgoing_.end();) {
    const auto now = at++;
    if (now->first.asker != asker) continue;
    if (now->second.pending) {
      now->second.abandoned = true;
    } else {
      leave(now);  // the other member may have it, and here are no keys any more
    }
  }
  std::erase_if(left_, [&](const auto& entry) { return entry.first.asker == asker; });
}

void Mover::sweep() {
  const auto now = Monotonic::now();
  for (auto at = incoming_.begin(); at != incoming_.end();) {
    const auto each = at++;
    if (each->second.until > now || each->second.pending) continue;
    ++counts_.expired;
    let_go(each, false);
  }
  for (auto at = outgoing_.begin(); at != outgoing_.end();) {
    const auto each = at++;
    if (each->second.until > now || each->second.pending) continue;
    ++counts_.expired;
    undo(each->second);
    dumped_.erase(each->second.flow);
    outgoing_.erase(each);
  }
  std::erase_if(lapsing_, [&](const auto& entry) {
    if (entry.second > now) return false;
    ingress_.release(entry.first);
    return true;
  });
  erase_some(here_, here_looked_, [this](const Flow& flow) { return !diag_.there(flow); });
  erase_some(passed_, passed_looked_, [this](const Flow& flow) { return !ingress_.redirected(flow); });
  counts_.frames_lost += capture_.lost();
}

}  // namespace sluice::cluster::tcp
