#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "admission/address_book.hpp"
#include "admission/gate.hpp"
#include "admission/in_flight.hpp"
#include "admission/ladder.hpp"
#include "admission/replay_filter.hpp"
#include "admission/returners.hpp"
#include "server/admission_control.hpp"
#include "server/app.hpp"
#include "server/counters.hpp"
#include "server/listener.hpp"
#include "server/turn.hpp"

/// Admission on one processor: what its connections ask, and the lines in which they wait.
namespace sluice::server {

/// Where a connection comes from.
struct Origin {
  admission::AddressBook::Address address = 0;  ///< IPv4 address, or the first 64 bits of an IPv6 one.
  admission::Prefix network = 0;                ///< IPv4 /24, IPv6 /48.
};
Origin origin_of(const Endpoint& peer);

/// Answers a hello with the fatal alert internal_error(80), in the clear as before any handshake: there is no
/// alert for "busy". Reads the hello first, as what is left unread would make the kernel send RST, which can
/// overtake the alert.
void send_refusal_alert(int fd, std::span<char> scratch) noexcept;

/// Used on its processor's thread only.
class Door {
 public:
  using Instant = Monotonic::time_point;

  Door(const Config& config, AdmissionControl& control, Counters& counters, Executor executor,
       unsigned processors, const WaitingAside& aside);

  // What the processor tells it.
  void follow(const admission::Plan& plan, Instant now);
  /// Every 25 ms; `delay`: how late it came, i.e. what any ready event had to wait.
  void pulse(Instant now, Monotonic::duration delay);

  // What connections ask.
  /// A hello with these random bytes was here before.
  bool replayed(Bytes random, Instant now) { return strict_ && replays_.seen(random, now); }
  bool suspect(const Origin& origin, Instant now) {
    return strict_ && addresses_.suspect(origin.address, now);
  }
  void finished(const Origin& origin, Instant now) { addresses_.finished(origin.address, now); }
  void unfinished(const Origin& origin, Instant now) { addresses_.unfinished(origin.address, now); }

  /// Somebody with a session of ours. Null, with the reason, when he has to ask like a newcomer.
  admission::SessionPtr resume(const admission::SessionRecord& record, Instant now, Demotion& why);
  admission::Verdict ask(Turn& turn, const Origin& origin, Instant now);
  admission::Verdict ask_at_once(Instant now) { return gate_.ask_at_once(live(), now); }
  admission::Verdict ask_returning(Instant now) { return gate_.ask_returning(live(), now); }
  void give_back() noexcept { gate_.give_back(); }
  /// Nobody will be let in at once, nor parked: whoever is new can be refused without further ado.
  bool closed(const Origin& origin, Instant now) { return strict_ && gate_.closed(origin.network, now); }
  /// Begins a session for somebody with a grant. Null when the table is full.
  admission::SessionPtr begin_session(Instant now);

  /// How to refuse; booked.
  Refusal refuse(const Origin& origin, Instant now);
  /// The same where there is no choice.
  Refusal refuse_by(Refusal how, Instant now);
  /// The same for a newcomer that asked for nothing yet, counted as having asked; none when it should be
  /// explained, which takes a connection.
  std::optional<Refusal> refuse_briefly(const Origin& origin, Instant now);
  /// What a refusal has cost, so that the next ones can be booked.
  void refused(Refusal how, std::uint64_t cpu_ns) noexcept;
  /// A visitor from there was told to come back after `wait`, at most `lifetime` later.
  void expect(const Origin& origin, Instant now, std::chrono::seconds wait, std::chrono::seconds lifetime) {
    returners_.expect(origin.address, now + wait, now + wait + lifetime);
  }
  /// When to come back, drawn for each visitor anew.
  std::chrono::seconds retry_after();
  /// Refusing takes too much already, of a CPU that others could use: don't accept for a moment.
  bool exhausted(Instant now) {
    return strict_ && now - scarce_at_ < kScarceMemory && ladder_.exhausted(now);
  }

  /// Places of the kernel's queue, of `most` that are configured.
  int backlog(int most) const noexcept { return strict_ ? backlog_within_time(cpus_, most) : most; }

  /// The processor uses nearly all the CPU it has, and newcomers are turned away for want of it.
  bool pressed() const noexcept { return pressed_; }

  // Lines.
  /// Handshakes come one at a time behind what else is ready, once the processor is busy.
  bool busy() const noexcept { return busy_ || !handshakes_.empty(); }
  void line_up_for_handshake(Turn& turn);
  /// A request may be worked on now; otherwise line up.
  bool room_for_work(std::size_t promised = 0) const noexcept {
    return !strict_ || in_flight_limit_.room(at_work() + promised);
  }
  /// False when the line is full, too.
  bool line_up_for_work(Turn& turn);
  void leave_work_line() noexcept { --work_waiting_; }
  void work_begins() noexcept;
  void work_ends(Monotonic::duration waited) noexcept;

  /// Mean wait of a ready event lately, seconds.
  double run_delay_s() const noexcept { return run_delay_s_; }

 private:
  static constexpr std::chrono::seconds kScarceMemory{1};

  double live() const noexcept { return static_cast<double>(control_.sessions().live()); }
  void pump();
  void schedule_pump();
  bool serve_gate(Instant now);
  std::size_t at_work() const noexcept { return in_flight_ - std::min(in_flight_, aside_.requests); }
  void serve_work_line() noexcept;

  const Config& config_;
  AdmissionControl& control_;
  Counters& counters_;
  Executor executor_;
  const unsigned processors_;
  const WaitingAside& aside_;
  const std::size_t work_waiting_max_;
  bool strict_ = false;  // with policy `off` and `observe` nobody is ever turned away
  bool busy_ = false;
  bool pressed_ = false;
  bool pump_scheduled_ = false;
  admission::Gate gate_;
  admission::Ladder ladder_;
  admission::AddressBook addresses_;
  admission::ReplayFilter replays_;
  admission::Returners returners_;
  admission::InFlight in_flight_limit_;
  TurnLine handshakes_;
  TurnLine work_;
  std::size_t work_waiting_ = 0;
  std::size_t in_flight_ = 0;
  double run_delay_s_ = 0;
  Instant pulsed_at_{};
  double cpus_ = 1;  // of this processor
  double resumed_cost_s_ = 0;
  std::array<double, static_cast<std::size_t>(Refusal::count)> refusal_cost_s_{400e-6, 40e-6, 25e-6};
  Instant scarce_at_{};          // when hardly any CPU was left, with what the application's threads take
  Instant refused_at_{};         // when somebody was last turned away
  Instant resuming_seen_{};      // when clients that resume were last among those that came
  double resumed_budget_s_ = 0;  // CPU seconds that resumed handshakes may take now
  double offered_per_s_ = 0;
  double rate_ = 0;
  // of the control period under way
  Instant period_began_{};
  Monotonic::duration delay_min_ = Monotonic::duration::max();
  Monotonic::duration handshake_wait_min_ = Monotonic::duration::max();
  double waited_s_ = 0;
  double aside_before_s_ = 0;
  double answered_ = 0;
  std::uint64_t cpu_before_ = 0;
  std::uint64_t random_;
};

}  // namespace sluice::server
