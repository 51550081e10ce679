#pragma once
#include <cstddef>
#include <cstdint>

#include "admission/controller.hpp"
#include "admission/front_queue.hpp"
#include "base/clock.hpp"

/// Where a newcomer asks whether it may come in.
namespace sluice::admission {

enum class Verdict : std::uint8_t {
  admit,
  park,    ///< Wait: the gate calls again through `Gate::next`.
  refuse,  ///< Go away; how to say it is the ladder's choice.
};

struct GateSettings {
  std::chrono::milliseconds park_max{100};  ///< Nobody waits longer. Far below any client's patience.
  std::size_t parked_max = 256;             ///< Nor more than so many on one processor.
  std::chrono::milliseconds burst{200};     ///< So much of the rate may be spent at once ...
  std::chrono::milliseconds ahead{50};      ///< ... and so much of what comes, by those who come back.
};

/// One per processor, used on its thread only. Spends the controller's plan: paces (a bucket that is refilled
/// all the time, so that no interval's whole quota goes in its first moment), counts live sessions itself
/// between two plans, and keeps a short queue for bursts. A queue that never gets empty only makes everybody
/// late, so then no more is let into it than is served within a tenth of `park_max` (Nichols & Jacobson,
/// "Controlling queue delay", 2012).
///
/// Reads no clock. `live` is the number of live sessions on all processors.
class Gate {
 public:
  using Instant = Monotonic::time_point;

  explicit Gate(GateSettings settings = {}) : settings_(settings) {}

  /// A new plan, of which this gate has the share 1 / `processors`.
  void follow(const Plan& plan, unsigned processors, Instant now);

  /// A newcomer asks. With `park`, `waiter` is in the queue until next() or expired() hands it out.
  Verdict ask(Waiter& waiter, Prefix prefix, double live, Instant now);
  /// A newcomer that can't wait, such as one whose ticket turned out not to count.
  Verdict ask_at_once(double live, Instant now);
  /// Somebody who was told to come back and did: comes before those that wait, up to `ahead` of time.
  Verdict ask_returning(double live, Instant now);

  /// Whoever asks now from this network will be refused.
  bool closed(Prefix prefix, Instant now);
  /// A grant that was of no use: its holder had gone.
  void give_back() noexcept;

  /// Who may come in now; null when nobody may. Call until null, after each plan and whenever time has
  /// passed.
  Waiter* next(double live, Instant now);
  /// Who has to be refused now: waited too long, or gave way to somebody whose network had less. Call until
  /// null.
  Waiter* expired(Instant now);

  /// Whether somebody waits: then next() is worth calling.
  bool anybody_waits() const noexcept { return queue_.size() > 0 || displaced_.size() > 0; }
  std::size_t waiting() const noexcept { return queue_.size(); }
  /// As many wait as may.
  bool full() const noexcept { return queue_.size() >= settings_.parked_max; }
  /// How long a newcomer would have to wait, in seconds; infinite when nobody is let in.
  double predicted_wait_s() const noexcept;
  /// Newcomers per second that this gate lets in.
  double rate() const noexcept { return rate_; }

 private:
  void refill(Instant now) noexcept;
  double bucket() const noexcept;  // tokens it holds at most
  bool open(double live) const noexcept;
  bool limited() const noexcept;
  bool room(Instant now) const noexcept;

  const GateSettings settings_;
  Policy policy_ = Policy::off;
  double sessions_max_ = Plan::kUnlimited;
  double rate_ = Plan::kUnlimited;
  double quota_ = Plan::kUnlimited;
  double tokens_ = 1;
  Instant refilled_{};
  Instant empty_since_{};  // when the queue was last seen empty
  FrontQueue queue_;
  FrontQueue displaced_;
};

}  // namespace sluice::admission
