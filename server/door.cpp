#include "server/door.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <new>

#include <openssl/rand.h>
#include <boost/asio/post.hpp>

namespace sluice::server {

namespace {

using admission::Verdict;

constexpr std::chrono::milliseconds kBusyDelay{2};
constexpr double kDelayMemory_s = 0.2;
constexpr double kPressed = 0.85;  // of its CPU
constexpr double kCostSmoothing = 0.05;
constexpr double kCostOutlier = 5;  // times the mean, and no more, counts one refusal
constexpr double kRetryMin_s = 2, kRetryMax_s = 30;
constexpr double kResumingLately = 0.5;  // resumed connections per second that make a difference ...
constexpr std::chrono::seconds kResumingMemory{2};  // ... for so long
constexpr std::chrono::seconds kRefusedMemory{2};

template <class T>
T random_value() {
  T value{};
  if (RAND_bytes(reinterpret_cast<unsigned char*>(&value), sizeof value) != 1) throw std::bad_alloc{};
  return value;
}

admission::GateSettings gate_settings(const Config& config, unsigned processors) {
  admission::GateSettings settings;
  settings.park_max = config.admission.park_max;
  settings.parked_max = (config.admission.parked + processors - 1) / processors;
  return settings;
}

}  // namespace

Origin origin_of(const Endpoint& peer) {
  if (peer.address().is_v4()) {
    const std::uint64_t address = peer.address().to_v4().to_uint();
    return {.address = address, .network = address >> 8};
  }
  const auto bytes = peer.address().to_v6().to_bytes();
  std::uint64_t prefix = 0;
  for (std::size_t i = 0; i < sizeof prefix; ++i) prefix = prefix << 8 | bytes[i];
  return {.address = prefix, .network = prefix >> 16 | std::uint64_t{1} << 63};
}

void send_refusal_alert(int fd, std::span<char> scratch) noexcept {
  static constexpr std::array<unsigned char, 7> kInternalError{21, 3, 3, 0, 2, 2, 80};  // RFC 8446 section 6
  if (::recv(fd, scratch.data(), scratch.size(), 0) < 0) return;
  if (::send(fd, kInternalError.data(), kInternalError.size(), MSG_NOSIGNAL) < 0) return;  // then it has gone
}

Door::Door(const Config& config, AdmissionControl& control, Counters& counters, Executor executor,
           unsigned processors, const WaitingAside& aside)
    : config_(config),
      control_(control),
      counters_(counters),
      executor_(executor),
      processors_(processors),
      aside_(aside),
      work_waiting_max_((config.admission.work_waiting + processors - 1) / processors),
      gate_(gate_settings(config, processors)),
      replays_(random_value<std::uint64_t>()),
      random_(random_value<std::uint64_t>()) {}

void Door::follow(const admission::Plan& plan, Instant now) {
  gate_.follow(plan, processors_, now);
  strict_ = plan.policy == admission::Policy::paper || plan.policy == admission::Policy::session_budget;
  const auto view = control_.view();
  cpus_ = view.sample.cpus / processors_;
  resumed_cost_s_ = view.resumed_s;
  offered_per_s_ = view.offered_per_s;
  rate_ = plan.policy == admission::Policy::paper
              ? plan.quota / std::chrono::duration<double>(config_.admission.paper_interval).count()
              : plan.rate;
  const double elapsed_s = std::chrono::duration<double>(now - period_began_).count();
  const double share = static_cast<double>(config_.admission.resumed_cpu_percent) / 100 * cpus_;
  resumed_budget_s_ = std::clamp(resumed_budget_s_ + share * std::min(elapsed_s, 1.0), -share, share);
  if (view.sample.resuming > kResumingLately * view.sample.elapsed_s) resuming_seen_ = now;
  ladder_.follow(cpus_, refusal_cost_s_, now - resuming_seen_ < kResumingMemory);

  const std::uint64_t cpu_ns = counters_.thread_cpu_ns.get();
  if (elapsed_s > 0 && elapsed_s < 10) {
    const double cpu_share =
        static_cast<double>(cpu_ns - cpu_before_) / 1e9 / elapsed_s / std::max(cpus_, 0.01);
    if (view.sample.refused > 0) refused_at_ = now;
    pressed_ = cpu_share > kPressed && now - refused_at_ < kRefusedMemory;
    // Where the application's own threads take the CPU, what waits waits for the CPU.
    const admission::Sample& all = view.sample;
    const double process_share = all.cpu_total() / std::max(all.cpus * all.elapsed_s, 1e-3);
    if (std::max(cpu_share, process_share) > kPressed) scarce_at_ = now;
    const double waited_s = std::max(0.0, waited_s_ - (aside_.waited_s - aside_before_s_));
    in_flight_limit_.update(elapsed_s, answered_, waited_s, static_cast<double>(at_work()),
                            std::max(cpu_share, process_share));
    counters_.demand.in_flight_max.set(static_cast<std::uint64_t>(in_flight_limit_.limit()));
  }
  cpu_before_ = cpu_ns;
  answered_ = waited_s_ = 0;
  aside_before_s_ = aside_.waited_s;
  period_began_ = now;
  if (delay_min_ != Monotonic::duration::max()) {
    // Handshakes come behind requests: a queue of those alone is how a machine with too many sessions shows
    // it.
    if (handshake_wait_min_ != Monotonic::duration::max())
      delay_min_ = std::max(delay_min_, handshake_wait_min_);
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(delay_min_).count();
    counters_.demand.run_delay_min_us.set(static_cast<std::uint64_t>(std::max<std::int64_t>(us, 0)));
  }
  delay_min_ = handshake_wait_min_ = Monotonic::duration::max();
}

void Door::pulse(Instant now, Monotonic::duration delay) {
  delay = std::max(delay, Monotonic::duration::zero());
  delay_min_ = std::min(delay_min_, delay);
  busy_ = delay > kBusyDelay;
  const double delay_s = std::chrono::duration<double>(delay).count();
  const double since_s = std::chrono::duration<double>(now - pulsed_at_).count();
  run_delay_s_ += (1 - std::exp(-since_s / kDelayMemory_s)) * (delay_s - run_delay_s_);
  pulsed_at_ = now;
  counters_.demand.probes.add();
  counters_.demand.run_delay_us.add(static_cast<std::uint64_t>(delay_s * 1e6));
  while (admission::Waiter* waiter = gate_.expired(now)) static_cast<Turn*>(waiter)->end(false);
  serve_work_line();  // whoever steps aside ends no work, but makes room for some
  if (gate_.anybody_waits() || !handshakes_.empty()) schedule_pump();
}

admission::SessionPtr Door::resume(const admission::SessionRecord& record, Instant now, Demotion& why) {
  using Allowance = admission::SessionTable::Allowance;
  const bool scarce = strict_ && resumed_budget_s_ < 0;
  const Allowance allowance = !strict_ ? Allowance::unlimited : scarce ? Allowance::half : Allowance::whole;
  auto resumed = control_.sessions().resume(record, now, wall_now(), allowance);
  using Result = admission::SessionTable::Resumption;
  if (resumed.result == Result::in_session) {
    resumed_budget_s_ -= resumed_cost_s_;
    return std::move(resumed.session);
  }
  why = Demotion::stranger;
  if (resumed.result == Result::excessive) {
    why = scarce ? Demotion::cpu_share : Demotion::excessive;
    counters_.hit(scarce ? Limit::resumed_cpu : Limit::resumptions_per_session);
  }
  return nullptr;
}

Verdict Door::ask(Turn& turn, const Origin& origin, Instant now) {
  const Verdict verdict = gate_.ask(turn, origin.network, live(), now);
  if (verdict == Verdict::park) schedule_pump();
  if (verdict == Verdict::refuse && gate_.full()) counters_.hit(Limit::parked);
  return verdict;
}

admission::SessionPtr Door::begin_session(Instant now) {
  const admission::SessionRecord record{.id = random_value<admission::SessionId>(),
                                        .admitted_at = wall_now(),
                                        .epoch = control_.sessions().epoch()};
  auto session = control_.sessions().begin(record, now);
  if (!session) counters_.hit(Limit::sessions);
  return session;
}

Refusal Door::refuse(const Origin& origin, Instant now) {
  Refusal refusal = Refusal::reset;
  if (config_.admission.refusal == "ladder") {
    refusal = static_cast<Refusal>(ladder_.choose(now, returners_.expected(origin.address, now)));
  } else if (config_.admission.refusal == "explain") {
    refusal = Refusal::explain;
  } else if (config_.admission.refusal == "alert") {
    refusal = Refusal::alert;
  }
  counters_.refusals[static_cast<std::size_t>(refusal)].add();
  return refusal;
}

Refusal Door::refuse_by(Refusal how, Instant now) {
  ladder_.book(static_cast<admission::Step>(how), now);
  counters_.refusals[static_cast<std::size_t>(how)].add();
  return how;
}

std::optional<Refusal> Door::refuse_briefly(const Origin& origin, Instant now) {
  if (suspect(origin, now)) {
    counters_.count(Outcome::new_suspect);
    return refuse_by(Refusal::reset, now);
  }
  if (config_.admission.refusal == "explain" ||
      (config_.admission.refusal == "ladder" &&
       ladder_.can_explain(now, returners_.expected(origin.address, now)))) {
    return std::nullopt;
  }
  const Refusal how = refuse(origin, now);
  counters_.count(Outcome::new_no_room);
  counters_.demand.offered.add();
  counters_.demand.refused.add();
  return how;
}

void Door::refused(Refusal how, std::uint64_t cpu_ns) noexcept {
  double& cost = refusal_cost_s_[static_cast<std::size_t>(how)];
  // Of a thread that a quota stopped in the middle of it, one refusal seems to have taken the whole pause.
  const double took = std::min(static_cast<double>(cpu_ns) / 1e9, kCostOutlier * cost);
  cost += kCostSmoothing * (took - cost);
}

/// The more ask for one place, the later: so those who come back stay few enough to be answered.
std::chrono::seconds Door::retry_after() {
  const double crowding = rate_ > 0 ? offered_per_s_ / rate_ : kRetryMax_s;
  const double wait = std::clamp(2 * crowding, kRetryMin_s, kRetryMax_s);
  random_ =
      random_ * 6364136223846793005U + 1442695040888963407U;  // Knuth 1997, section 3.3.4; nothing secret
  const double jitter = static_cast<double>(random_ >> 40) / static_cast<double>(1 << 24);
  return std::chrono::seconds{
      static_cast<std::int64_t>(std::ceil(wait) + std::floor(jitter * (wait / 2 + 1)))};
}

// Lines

void Door::line_up_for_handshake(Turn& turn) {
  turn.lined_up_at = Monotonic::now();
  handshakes_.push_back(turn);
  schedule_pump();
}

void Door::schedule_pump() {
  if (std::exchange(pump_scheduled_, true)) return;
  boost::asio::post(executor_, [this] { pump(); });
}

/// One handshake, and then once more behind everything that has become ready meanwhile.
void Door::pump() {
  pump_scheduled_ = false;
  if (!handshakes_.empty()) {
    Turn& turn = handshakes_.front();
    handshakes_.pop_front();
    handshake_wait_min_ = std::min(handshake_wait_min_, Monotonic::now() - turn.lined_up_at);
    turn.end(true);
    schedule_pump();
    return;
  }
  if (serve_gate(Monotonic::now())) schedule_pump();
}

bool Door::serve_gate(Instant now) {
  while (admission::Waiter* waiter = gate_.expired(now)) static_cast<Turn*>(waiter)->end(false);
  admission::Waiter* waiter = gate_.next(live(), now);
  if (waiter == nullptr) return false;
  static_cast<Turn*>(waiter)->end(true);
  return true;
}

bool Door::line_up_for_work(Turn& turn) {
  if (work_waiting_ >= work_waiting_max_) {
    counters_.hit(Limit::work_queue);
    return false;
  }
  ++work_waiting_;
  work_.push_back(turn);
  return true;
}

void Door::work_begins() noexcept { counters_.demand.in_flight.set(++in_flight_); }

void Door::work_ends(Monotonic::duration waited) noexcept {
  counters_.demand.in_flight.set(--in_flight_);
  answered_ += 1;
  waited_s_ += std::chrono::duration<double>(waited).count();
  serve_work_line();
}

void Door::serve_work_line() noexcept {
  for (std::size_t given = 0; !work_.empty() && room_for_work(given); ++given) {
    Turn& turn = work_.front();
    work_.pop_front();
    turn.end(true);
  }
}

}  // namespace sluice::server
