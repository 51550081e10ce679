#include "server/processor.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <random>
#include <stdexcept>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>

namespace sluice::server {

namespace {

constexpr int kAcceptBatch = 32;
constexpr unsigned kProbeEvery = 16;
constexpr std::size_t kParsers = 256;

/// How often at most the operator is told that descriptors have run out.
constexpr std::chrono::minutes kShortageTold{1};

/// Buffers of responses that wait for their next use, and the largest that is kept.
constexpr std::size_t kBuffers = 64, kBufferMax = 256 * 1024;
constexpr std::size_t kLogChunk = 32 * 1024;
constexpr std::chrono::milliseconds kPulse{25};
constexpr std::chrono::milliseconds kAcceptPause{10};
constexpr std::chrono::milliseconds kGather{8};
constexpr std::chrono::seconds kShortBacklogFor{1};
/// How much time's arrivals the short queue holds: a period of a quota, and a half.
constexpr std::chrono::milliseconds kShortQueue{150};

http::Limits to_parser_limits(const Limits& limits) {
  http::Limits bounds;
  bounds.head_bytes = limits.head_bytes;
  bounds.uri_bytes = limits.uri_bytes;
  bounds.fields = limits.head_fields;
  bounds.body_bytes = limits.body_bytes;
  return bounds;
}

std::uint64_t share(std::uint64_t total, unsigned processors) {
  return (total + processors - 1) / processors;
}

std::uint64_t random_start() {
  std::random_device device;
  return static_cast<std::uint64_t>(device()) << 32 | device();
}

bool out_of_descriptors(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

Processor::Processor(unsigned index, const Shared& shared, std::vector<Listener> listeners)
    : index_(index),
      shared_(shared),
      parser_limits_(to_parser_limits(shared.config.limits)),
      connections_max_(share(shared.config.limits.connections, shared.processors)),
      per_address_max_(share(shared.config.limits.connections_per_address, shared.processors)),
      counters_(shared.app.interactions().size()),
      work_(io_.get_executor()),
      poller_(io_.get_executor()),
      listeners_(std::move(listeners)),
      pulse_timer_(io_.get_executor()),
      wheel_(coarse_now()),
      meter_(counters_.work_ns, counters_.unbooked_ns, counters_.thread_cpu_ns),
      door_(shared.config, shared.admission, counters_, io_.get_executor(), shared.processors, aside_),
      next_id_(random_start()),
      record_buffers_(shared.config.tls_record_layer == "own" ? std::make_unique<tls::RecordBuffers>()
                                                              : nullptr) {
  parsers_.reserve(kParsers);
  buffers_.reserve(kBuffers);
}

Processor::~Processor() { join(); }

std::future<void> Processor::start(Peers* peers) {
  peers_ = peers;
  std::promise<void> started;
  auto future = started.get_future();
  thread_ = std::thread([this, promise = std::move(started)]() mutable { run(std::move(promise)); });
  return future;
}

void Processor::run(std::promise<void> started) {
  char name[16];
  std::snprintf(name, sizeof name, "processor-%u", index_);
  ::pthread_setname_np(::pthread_self(), name);
  clockid_t clock{};
  if (::pthread_getcpuclockid(::pthread_self(), &clock) == 0) counters_.thread_clock = clock;
  try {
    app_ = shared_.app.start({.index = index_,
                              .executor = io_.get_executor(),
                              .aside = &aside_,
                              .processors = shared_.processors});
    started.set_value();
  } catch (...) {
    started.set_exception(std::current_exception());
    return;
  }
  boost::asio::co_spawn(io_, poller_.run(), boost::asio::detached);
  boost::asio::co_spawn(io_, pulse(), boost::asio::detached);
  loop();
  flush_log();
  app_.reset();
}

/// While newcomers are turned away for want of CPU, a processor that has nothing to do waits a moment before
/// it looks again: events that have gathered take less CPU than events that come one by one and wake the
/// thread.
void Processor::loop() {
  while (true) {
    if (door_.pressed()) {
      if (io_.poll_one() > 0) {
        meter_.stop();
        continue;
      }
      std::this_thread::sleep_for(kGather);
    }
    if (io_.run_one() == 0) return;
    meter_.stop();
  }
}

void Processor::open() {
  boost::asio::post(io_, [this] {
    if (draining_) return;
    for (Listener& listener : std::exchange(listeners_, {})) {
      const auto protocol = listener.endpoint().protocol();
      acceptors_.emplace_back(io_.get_executor(), protocol, listener.release());
      boost::asio::co_spawn(io_, accept_loop(acceptors_.back()), boost::asio::detached);
    }
    backlog_ = 0;
  });
}

void Processor::drain() {
  boost::asio::post(io_, [this] {
    if (std::exchange(draining_, true)) return;
    for (Acceptor& acceptor : acceptors_) {
      if (!acceptor.is_open()) continue;
      accept_batch(acceptor);  // clients in the accept queue have done nothing wrong
      boost::system::error_code ignored;
      acceptor.close(ignored);
    }
    listeners_.clear();
    for (Connection& connection : connections_) connection.drain();
    finish_if_drained();
  });
}

void Processor::stop_accepting() {
  boost::asio::post(io_, [this] {
    for (Acceptor& acceptor : acceptors_) {
      if (!acceptor.is_open()) continue;
      boost::system::error_code error;
      const Endpoint endpoint = acceptor.local_endpoint(error);
      const int fd = acceptor.release(error);
      if (!error) listeners_.emplace_back(fd, endpoint);
    }
  });
}

void Processor::move(const MoveOrder& order) {
  boost::asio::post(io_, [this, order] {
    order_ = order;
    continue_moves();
  });
}

/// Wakes up who could go now, a few at a time: the last of many would wait for long.
void Processor::continue_moves() {
  if (order_.carrier == nullptr) return;
  const auto now = Monotonic::now();
  std::size_t room = kDepartures - std::min(kDepartures, departing_);
  for (Connection& connection : connections_) {
    if (room == 0 || (!order_.all && order_.idle == 0)) break;
    if (!connection.nudge(now, order_.residence)) continue;
    --room;
    if (!order_.all) --order_.idle;
  }
}

/// At the end of an answer: one of the busy ones that are to go.
bool Processor::take_busy_order() noexcept {
  if (order_.busy == 0) return false;
  --order_.busy;
  return true;
}

void Processor::departure_ends(bool gone) {
  --departing_;
  if (!gone || std::exchange(moves_scheduled_, true)) return;
  boost::asio::post(io_, [this] {
    moves_scheduled_ = false;
    continue_moves();
  });
}

void Processor::end_relays() {
  boost::asio::post(io_, [this] {
    for (Connection& connection : relays_) connection.finish_relay();
  });
}

void Processor::adopt(ArrivalPtr arrival) {
  boost::asio::post(io_, [this, arrival = std::move(arrival)]() mutable {
    Endpoint client;
    try {
      client = parse_endpoint(arrival->image().client);
    } catch (const std::runtime_error&) {
      return arrival->made("its address is none");
    }
    if (draining_) return arrival->made("no connections are taken any more");
    if (const auto limit = full(origin_of(client))) {
      counters_.hit(*limit);
      return arrival->made("there are too many connections already");
    }
    const int fd = arrival->release_fd();
    set_up_connection(fd);
    begin(std::make_unique<Connection>(*this, fd, client, std::move(arrival)));
  });
}

void Processor::abort() {
  drain();
  boost::asio::post(io_, [this] {
    for (Connections* all : {&connections_, &relays_}) {
      for (Connection& connection : *all) connection.abort();
    }
  });
}

void Processor::follow(const admission::Plan& plan) {
  boost::asio::post(io_, [this, plan] { door_.follow(plan, Monotonic::now()); });
}

void Processor::join() {
  if (thread_.joinable()) thread_.join();
}

void Processor::finish_if_drained() {
  if (!draining_ || open_connections_ > 0) return;
  pulse_timer_.cancel();
  poller_.stop();
  work_.reset();
}

/// All that has to be done now and then, by one timer: an idle processor is woken up no more than that. How
/// late it comes is what any ready event has to wait for the thread.
Task<void> Processor::pulse() {
  static_assert(TimerWheel::kTick == 2 * kPulse);
  boost::system::error_code error;
  for (unsigned beat = 0; !draining_ || open_connections_ > 0; ++beat) {
    pulse_timer_.expires_after(kPulse);
    co_await pulse_timer_.async_wait(boost::asio::redirect_error(use_task, error));
    const auto now = Monotonic::now();
    meter_.pulse(now);
    door_.pulse(now, now - pulse_timer_.expiry());
    note_arrivals(now);
    backlog_short_ = backlog_short_ && now - paused_at_ <= kShortBacklogFor;
    set_backlog();
    if (beat % 2 != 0) continue;
    wheel_.advance(coarse_now());
    continue_moves();
    flush_log();
  }
}

Task<void> Processor::accept_loop(Acceptor& acceptor) {
  boost::system::error_code error;
  Timer pause(io_.get_executor());
  while (!draining_) {
    co_await acceptor.async_wait(Acceptor::wait_read, boost::asio::redirect_error(use_task, error));
    if (error || draining_) co_return;
    if (!accept_batch(acceptor)) {
      while (!draining_ && door_.exhausted(Monotonic::now())) {
        pause_accepting();
        pause.expires_after(kAcceptPause);
        co_await pause.async_wait(boost::asio::redirect_error(use_task, error));
      }
      continue;
    }
    // The connections that are open go on; whoever waits in the backlog waits a little longer.
    pause.expires_after(std::chrono::milliseconds{50});
    co_await pause.async_wait(boost::asio::redirect_error(use_task, error));
  }
}

/// A mean of a second.
void Processor::note_arrivals(Monotonic::time_point now) noexcept {
  const double passed = std::chrono::duration<double>(now - std::exchange(arrivals_noted_at_, now)).count();
  const std::uint64_t accepted = counters_.accepted.get();
  const auto came = static_cast<double>(accepted - std::exchange(accepted_before_, accepted));
  if (passed > 0) accepted_per_s_ += (came / passed - accepted_per_s_) * std::min(passed, 1.0);
}

/// Refusing has had its share of the CPU. The kernel drops what does not fit its queue, at a fraction of our
/// price; the queue is kept short, since nobody who has waited long in it is still there when we come. Not so
/// short that what comes while a quota stops us does not fit: a client that was dropped tries again after a
/// second, and may be one of ours.
void Processor::pause_accepting() {
  counters_.accept_pauses.add();
  paused_at_ = Monotonic::now();
  backlog_short_ = true;
  set_backlog();
}

/// What comes in kShortQueue, in steps, so that it does not change all the time.
int Processor::short_backlog() const noexcept {
  const double fits = accepted_per_s_ * std::chrono::duration<double>(kShortQueue).count();
  return (static_cast<int>(fits) / kShortBacklog + 1) * kShortBacklog;
}

/// listen(2) again changes the length of a queue.
void Processor::set_backlog() noexcept {
  const int most = static_cast<int>(config().backlog);
  const int wanted = backlog_short_ ? std::min(short_backlog(), door_.backlog(most)) : door_.backlog(most);
  if (std::exchange(backlog_, wanted) == wanted) return;
  for (Acceptor& acceptor : acceptors_) {
    if (acceptor.is_open()) ::listen(acceptor.native_handle(), wanted);
  }
}

bool Processor::accept_batch(Acceptor& acceptor) {
  // To ask for one more than there is costs a system call for each connection. So it is asked now and then,
  // and as long as it pays; what is left is reported again at once.
  const int most = bursting_ || ++accept_rounds_ % kProbeEvery == 0 ? kAcceptBatch : 1;
  bursting_ = false;
  for (int i = 0; i < most || draining_; ++i) {
    const std::uint64_t started = ticks();
    Endpoint peer;
    auto size = static_cast<socklen_t>(peer.capacity());
    const int fd = ::accept4(acceptor.native_handle(), peer.data(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      peer.resize(size);
      bursting_ = i > 0;
      admit(fd, peer, started);
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (!out_of_descriptors(errno)) return false;
    on_shortage(errno);
    return true;
  }
  return false;
}

void Processor::admit(int fd, const Endpoint& peer, std::uint64_t started) {
  counters_.accepted.add();
  const Origin origin = origin_of(peer);
  if (turn_away(fd, origin, started)) return;
  if (const auto limit = full(origin)) {
    ::close(fd);
    return counters_.hit(*limit);
  }
  auto connection = std::make_unique<Connection>(*this, fd, peer);
  meter_.credit(connection->effort(), started);
  begin(std::move(connection));
}

void Processor::begin(std::unique_ptr<Connection> connection) {
  ++per_address_[connection->origin().address];
  ++open_connections_;
  connections_.push_back(*connection);
  boost::asio::co_spawn(io_, serve(std::move(connection)), boost::asio::detached);
}

/// The connections that are open go on; said once in a while, for it may last.
void Processor::on_shortage(int error) {
  counters_.hit(Limit::descriptors);
  const auto now = Monotonic::now();
  if (shortage_told_at_ && now - *shortage_told_at_ < kShortageTold) return;
  shortage_told_at_ = now;
  report("can't accept (" + std::generic_category().message(error) +
         "): " + std::to_string(open_connections_) +
         " connections are open here and go on, new ones wait. Raise the limit of open files (ulimit -n, "
         "LimitNOFILE)");
}

/// The limit that keeps one more connection from there out.
std::optional<Limit> Processor::full(const Origin& origin) const {
  if (open_connections_ >= connections_max_) return Limit::connections;
  const auto from_address = per_address_.find(origin.address);
  if (from_address != per_address_.end() && from_address->second >= per_address_max_)
    return Limit::connections_per_address;
  return std::nullopt;
}

/// The cheapest way to say no: before there is a connection, an entry in epoll, a coroutine. Only while
/// nobody new is let in anyway, or nobody from there, and only to those whose hello is all there and of
/// nobody we know.
bool Processor::turn_away(int fd, const Origin& origin, std::uint64_t started) {
  const auto now = Monotonic::now();
  if (!door_.closed(origin, now) && !door_.suspect(origin, now)) return false;
  if (peers_ != nullptr && peers_->may_place()) return false;  // it may be somebody for another member
  const ssize_t n = ::recv(fd, scratch_.data(),
                           std::min<std::size_t>(scratch_.size(), config().limits.hello_bytes + 1), MSG_PEEK);
  if (n <= 0) return false;
  const auto hello = tls::classify(as_bytes({scratch_.data(), static_cast<std::size_t>(n)}), tls().issuer(),
                                   wall_now(), config().limits.hello_bytes);
  if (!hello || hello->proof.record) return false;
  if (hello->proof.forged) door_.unfinished(origin, now);
  const auto step = door_.refuse_briefly(origin, now);
  if (!step) return false;
  Effort effort;
  meter_.start(effort);
  meter_.credit(effort, started);
  counters_.hellos[static_cast<std::size_t>(HelloClass::fresh)].add();
  if (*step == Refusal::alert) send_refusal_alert(fd, scratch_);
  ::close(fd);  // with the hello unread it sends RST
  door_.refused(*step, meter_.book(effort, Work::refusal));
  meter_.forget(effort);
  return true;
}

void Processor::relay_begins(Connection& connection) noexcept {
  connection.list_hook.unlink();
  relays_.push_back(connection);
}

void Processor::recount(std::uint64_t from, std::uint64_t to) {
  ++per_address_[to];
  uncount(from);
}

void Processor::uncount(std::uint64_t address) {
  if (const auto found = per_address_.find(address); --found->second == 0) per_address_.erase(found);
}

Task<void> Processor::serve(std::unique_ptr<Connection> connection) {
  try {
    co_await connection->run();
  } catch (const std::exception& error) {
    report(error.what());
  }
  const std::uint64_t address = connection->origin().address;
  connection.reset();
  --open_connections_;
  uncount(address);
  finish_if_drained();
}

std::unique_ptr<http::RequestParser> Processor::take_parser() {
  if (parsers_.empty()) return std::make_unique<http::RequestParser>(parser_limits_);
  auto parser = std::move(parsers_.back());
  parsers_.pop_back();
  return parser;
}

void Processor::put_back(std::unique_ptr<http::RequestParser> parser) noexcept {
  if (!parser || parsers_.size() == kParsers) return;
  parser->reset();
  parsers_.push_back(std::move(parser));
}

std::string Processor::take_buffer() noexcept {
  if (buffers_.empty()) return {};
  std::string buffer = std::move(buffers_.back());
  buffers_.pop_back();
  return buffer;
}

void Processor::put_back(std::string buffer) noexcept {
  if (buffer.capacity() > kBufferMax || buffers_.size() == kBuffers) return;
  buffer.clear();
  buffers_.push_back(std::move(buffer));
}

void Processor::next_request_id(std::array<char, 16>& id) noexcept {
  static constexpr char kDigits[] = "0123456789abcdef";
  // An odd multiplier makes every id differ and neighbours look unlike (Knuth 1973, section 6.4).
  std::uint64_t value = next_id_++ * 0x9e3779b97f4a7c15U;
  for (char& digit : id) {
    digit = kDigits[value >> 60];
    value <<= 4;
  }
}

void Processor::log(const AccessEntry& entry) {
  if (!shared_.log.enabled()) return;
  append_access_line(log_chunk_, entry);
  ++log_lines_;
  if (log_chunk_.size() >= kLogChunk) flush_log();
}

void Processor::flush_log() {
  if (log_chunk_.empty()) return;
  std::string chunk;
  chunk.swap(log_chunk_);
  log_chunk_.reserve(kLogChunk + 1024);
  if (!shared_.log.push(std::move(chunk))) {
    counters_.limit_hits[static_cast<std::size_t>(Limit::log_queue)].add(log_lines_);
  }
  log_lines_ = 0;
}

void Processor::report(std::string_view what) const {
  std::fprintf(stderr, "processor %u: %.*s\n", index_, static_cast<int>(what.size()), what.data());
}

}  // namespace sluice::server
