#include "loadgen/io/worker.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <cstdio>

namespace sluice::loadgen {
namespace {

using Seconds = std::chrono::duration<double>;

constexpr int kArrivalsPerPass = 64;  // then sockets have a turn
constexpr std::chrono::milliseconds kRefillAfter{
    100};  // closed loop: a place whose user failed stays empty so long
constexpr std::chrono::milliseconds kOrdersEvery{50};  // how soon an order from another thread is seen
// Streams of randomness below the seed: one for the schedule, one per user.
constexpr std::uint64_t kScheduleStream = ~std::uint64_t{0};

Monotonic::duration to_duration(double seconds) {
  return std::chrono::duration_cast<Monotonic::duration>(Seconds(seconds));
}

/// Time on a CPU plus time spent waiting for one, of the calling thread
/// (Documentation/scheduler/sched-stats).
std::uint64_t wanted_cpu_ns() {
  std::array<char, 128> text{};
  const int fd = ::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
  if (fd < 0) {  // a kernel that does not tell: without the waiting
    timespec used{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return static_cast<std::uint64_t>(used.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(used.tv_nsec);
  }
  const auto size = ::read(fd, text.data(), text.size() - 1);
  ::close(fd);
  unsigned long long ran = 0, waited = 0;
  if (size <= 0 || std::sscanf(text.data(), "%llu %llu", &ran, &waited) != 2) return 0;
  return ran + waited;
}

std::unique_ptr<Pacer> make_pacer(const Options& options) {
  if (!options.recorded.empty()) return std::make_unique<Pacer>(options.recorded);
  if (!options.profile) return nullptr;
  return std::make_unique<Pacer>(*options.profile, options.arrivals,
                                 Random::stream(options.seed, kScheduleStream).bits());
}

}  // namespace

Worker::Worker(const Options& options, const Address& target, unsigned index, unsigned workers)
    : Crowd(wire_, resumption_, to_duration(options.timeout_s)),
      options_(options),
      index_(index),
      workers_(workers),
      wire_(loop_, options, target, index, tally_),
      resumption_(options.resume),
      pacer_(make_pacer(options)) {
  looks_at_pages = options.mode == Mode::sessions &&
                   (options.source.reads_pages() || options.images || options.retry == Retry::browser);
  tally_.states.resize(options.source.states().size());
  if (!options.attack_sources.empty())
    attack_sources_.emplace(options.attack_sources, target, index, "--attack-source");
  Sources& hostile = attack_sources_ ? *attack_sources_ : wire_.sources;
  for (const auto& attack : options.attacks)
    attacks_.push_back(
        std::make_unique<AttackDriver>(loop_, options, attack, target, hostile, tally_, index, workers));
}

Worker::~Worker() {
  if (thread_.joinable()) thread_.join();
  users_.clear_and_dispose([](User* user) { delete user; });
}

void Worker::launch(Monotonic::time_point run_start) {
  thread_ = std::thread([this, run_start] { run(run_start); });
}

void Worker::join() { thread_.join(); }

std::vector<Second> Worker::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(ready_, {});
}

Worker::Hope Worker::hope() const {
  const std::lock_guard lock(mutex_);
  return hope_;
}

void Worker::run(Monotonic::time_point run_start) {
  std::this_thread::sleep_until(run_start);  // a closed loop begins at once
  ::prctl(PR_SET_TIMERSLACK, 1000UL);        // 1 µs instead of 50: the schedule's accuracy
  start_ = run_start;
  end_ = start_ + to_duration(options_.duration_s);
  cpu_before_ns_ = wanted_cpu_ns();
  cpu_read_ = Monotonic::now();
  loop_.arm(seconds_, start_ + std::chrono::seconds{1});
  loop_.arm(ending_, end_);
  loop_.arm(orders_, start_ + kOrdersEvery);
  for (auto& attack : attacks_) attack->start(start_);
  if (pacer_ && options_.mode != Mode::requests) {
    next_arrival();
  } else {
    fill_closed_loop();
    if (pacer_) next_arrival();
  }
  loop_.run();
  ended_.store(true);
}

// Who comes

void Worker::fill_closed_loop() {
  const unsigned mine = options_.users / workers_ + (index_ < options_.users % workers_ ? 1 : 0);
  for (unsigned i = 0; i < mine; ++i) add_user(start_, pacer_ ? &lanes_.emplace_back() : nullptr);
}

void Worker::add_user(Monotonic::time_point planned, Lane* lane) {
  // Open loop: the user's number in the schedule. Closed loop: the numbers of this worker's places, turn by
  // turn.
  const std::uint64_t number = pacer_ && lane == nullptr ? due_number_ : user_index_ * workers_ + index_;
  ++user_index_;
  Random random = Random::stream(options_.seed, number);
  auto script = options_.mode == Mode::handshakes ? nullptr : options_.source.session(random);
  auto* user = new User(*this, random, std::move(script), lane);  // owned by users_, then by gone_
  users_.push_back(*user);
  if (lane != nullptr) lane->user = user;
  user->begin(planned);
}

// Every worker draws the whole schedule and takes its share of it.
void Worker::next_arrival() {
  while (const auto planned = pacer_->next()) {
    const std::uint64_t number = schedule_index_++;
    if (start_ + *planned >= end_) break;
    if (number % workers_ != index_) continue;
    due_ = start_ + *planned;
    due_number_ = number;
    return loop_.arm(arrivals_, *due_);
  }
  due_.reset();
}

void Worker::arrivals_due() {
  // Not beyond the end of a second that has not been published yet.
  const auto until = seconds_.armed() ? std::min(loop_.pass_time(), seconds_.deadline()) : loop_.pass_time();
  for (int i = 0; i < kArrivalsPerPass && due_ && *due_ <= until; ++i) {
    ++planned_;
    arrive(*due_);
    next_arrival();
  }
  if (due_) loop_.arm(arrivals_, *due_);
}

void Worker::arrive(Monotonic::time_point planned) {
  if (options_.mode != Mode::requests) return add_user(planned, nullptr);
  tally_.lag.record(Monotonic::now() - planned);
  Lane& lane = lanes_[lane_turn_++ % lanes_.size()];
  lane.due.push_back(planned);
  if (lane.user != nullptr) lane.user->wake();
}

void Worker::leave(User& user, bool failed) {
  Lane* lane = user.lane();
  if (lane != nullptr) lane->user = nullptr;
  users_.erase(users_.iterator_to(user));
  gone_.emplace_back(&user);
  loop_.arm(sweeps_, loop_.pass_time());
  const bool closed_loop = !pacer_ || lane != nullptr;
  if (!closed_loop || ending) return;
  (failed ? failed_places_ : places_).push_back(lane);
  if (failed && !refill_.armed()) loop_.arm(refill_, loop_.pass_time() + kRefillAfter);
}

void Worker::sweep() {
  gone_.clear();
  if (ending && users_.empty()) return finish();
  fill(places_);
}

void Worker::refill() { fill(failed_places_); }

void Worker::fill(std::vector<Lane*>& places) {
  for (Lane* lane : std::exchange(places, {}))
    if (!ending) add_user(loop_.pass_time(), lane);
}

// The end

void Worker::take_orders() {
  publish_hope();
  if (stop_asked_.load() && !ending) return stop_arriving();
  loop_.arm(orders_, loop_.pass_time() + kOrdersEvery);
}

void Worker::stop_arriving() {
  book_missed();
  publish(false);
  ending = true;
  due_.reset();
  for (auto* task : {&arrivals_, &seconds_, &refill_, &ending_}) task->cancel();
  for (auto& attack : attacks_) attack->stop();
  std::vector<User*> all;
  for (auto& user : users_) all.push_back(&user);
  for (User* user : all) user->end_of_run();
  loop_.arm(cutting_, loop_.pass_time() + timeout + kOrdersEvery);
  if (users_.empty()) loop_.arm(cutting_, loop_.pass_time());
}

// What the schedule wanted and nobody got.
void Worker::book_missed() {
  const auto now = loop_.pass_time();
  while (due_ && *due_ <= std::min(now, end_)) {
    ++planned_;
    tally_.lag.record(now - *due_);
    next_arrival();
  }
  for (auto& lane : lanes_) {
    for (const auto due : lane.due) tally_.latency[at(Phase::complete)].record(now - due);
    tally_.requests.unsent += lane.due.size();
    lane.due.clear();
  }
}

void Worker::publish_hope() {
  const std::lock_guard lock(mutex_);
  hope_ = {wire_.untrusted, wire_.unreachable, wire_.connected_once};
}

void Worker::finish() {
  while (!users_.empty()) users_.front().cut();
  gone_.clear();
  for (auto* task : {&sweeps_, &cutting_, &orders_}) task->cancel();
  publish_hope();
  publish(true);
  loop_.stop();
}

void Worker::second_over() {
  publish(false);
  loop_.arm(seconds_, start_ + std::chrono::seconds{second_ + 1});
}

void Worker::publish(bool tail) {
  Second second;
  second.index = second_++;
  second.tail = tail;
  second.end_s = Seconds(Monotonic::now() - start_).count();
  second.planned = std::exchange(planned_, 0);
  second.live_sessions = users_.size();
  second.in_flight = in_flight;
  second.connections = wire_.open;
  second.cpu = cpu_share();
  const std::size_t states = tally_.states.size();
  second.tally = std::exchange(tally_, Tally{});
  tally_.states.resize(states);
  const std::lock_guard lock(mutex_);
  ready_.push_back(std::move(second));
}

double Worker::cpu_share() {
  const auto now = Monotonic::now();
  const std::uint64_t wanted = wanted_cpu_ns();
  const double elapsed = std::chrono::duration<double, std::nano>(now - cpu_read_).count();
  const double share = elapsed > 0 ? static_cast<double>(wanted - cpu_before_ns_) / elapsed : 0;
  cpu_before_ns_ = wanted;
  cpu_read_ = now;
  return share;
}

}  // namespace sluice::loadgen
