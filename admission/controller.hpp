#pragma once
#include <limits>
#include <optional>
#include <string_view>

#include "admission/sample.hpp"

/// Plans who may come in during the next control period. Sensors (server/) -> controller -> gate: the
/// controller never sees a connection, the gate never sees a cost.
///
/// Two laws. `paper`: Guitart et al., "Session-Based Adaptive Overload Control for Secure Dynamic Web
/// Applications", ICPP 2005, section 4. `session_budget`: our own, derived in docs/admission.md; it admits as
/// many *sessions* as the CPU can carry to their end, from costs that it measures itself.
namespace sluice::admission {

enum class Policy {
  off,             ///< Everybody comes in: the "original server" of the paper.
  observe,         ///< Plans like `session_budget` and lets everybody in all the same.
  paper,           ///< A number of new connections for each interval.
  session_budget,  ///< As many sessions as can be carried to their end.
};
std::string_view name_of(Policy policy) noexcept;
std::optional<Policy> parse_policy(std::string_view name) noexcept;

/// What the paper calls the typical computational demand of a connection; it leaves open which.
enum class PaperCost {
  handshake,   ///< The handshake's alone.
  connection,  ///< From accept to close, requests included.
};

struct PaperSettings {
  double interval_s = 2;  ///< "k" of the paper.
  PaperCost cost = PaperCost::connection;
  double new_s = 0;      ///< "CTN": CPU seconds of a new connection; 0: measured.
  double resumed_s = 0;  ///< "CTO"; 0: measured.
};

/// The defaults are what docs/admission.md measured them to be; none has to be touched.
struct BudgetSettings {
  double utilization = 0.99;       ///< Share of the CPUs to plan for.
  double response_target_s = 0.1;  ///< A standing wait that sessions may cause each other.
  /// Time constant with which free places are given away: the pause between requests, in which a newcomer
  /// shows what it takes, within these bounds.
  double fill_min_s = 0.5, fill_max_s = 5;
  double demand_memory_s = 5;  ///< Of the filter over how often sessions come back.
  double cost_memory_s = 10;   ///< Of the filter over the cost of a request ...
  double jump_memory_s = 1;    ///< ... and of the one by which a jump is seen at once ...
  double jump = 0.5;           ///< ... which is a difference of so much between the two.
  double shed_delay_s = 0.3;   ///< A standing wait at which the sessions are too many ...
  double shed_after_s = 0.5;   ///< ... when it lasts so long ...
  double shed_excess = 1.35;   ///< ... and their demand is so many times what there is.
};

struct Settings {
  Policy policy = Policy::session_budget;
  PaperSettings paper{};
  BudgetSettings budget{};
};

/// Sum of a quantity over sum of another, both fading; keeps its value when there is no news.
class FadingRatio {
 public:
  /// `weight`: how much of the denominator the first value is worth.
  constexpr FadingRatio(double value, double weight) noexcept
      : numerator_(value * weight), denominator_(weight), weight_(weight) {}
  void add(double numerator, double denominator, double keep) noexcept;
  double value() const noexcept { return numerator_ / denominator_; }

 private:
  double numerator_, denominator_, weight_;
  double pending_ = 0;  // numerator that came before what it belongs to
};

/// What is learnt, carried from period to period. The first values are those of a small page and of people
/// who think for seven seconds; they weigh as much as a moment's experience.
struct State {
  FadingRatio request_s{0.001, 10};      ///< CPU per request, with the work behind it.
  FadingRatio request_now_s{0.001, 10};  ///< The same, forgetting faster.
  FadingRatio demand_per_s{0.15, 50};    ///< Requests a live session makes each second, answered in time.
  FadingRatio full_s{0.0005, 5};         ///< CPU per full handshake.
  FadingRatio resumed_s{0.0002, 5};      ///< CPU per resumed handshake.
  FadingRatio pause_s{7, 10};            ///< Between an answer and the session's next request.
  FadingRatio connection_new_s{0.01, 5}, connection_resumed_s{0.01, 5};
  double departures_per_s = 0;
  double offered_per_s = 0;
  double refusals_cpu = 0;  ///< CPUs that refusing takes.
  double trim = 1;          ///< Feedback from the standing wait.
  double all_in_s = 1e9;    ///< Nobody was turned away for so long.
  double guard = 1;         ///< Feedback from work that waits for something other than the CPU.
  double strained_s = 0;    ///< How long the wait has been too long.
  double jumping_s = 0;     ///< For so long yet the cost of a request is the one of this moment.
  bool shedding = false;    ///< Sessions were shed, and the wait is still too long.
  // of the paper's interval under way
  double interval_s = 0, interval_resumed = 0, interval_new = 0;
  double paper_quota = std::numeric_limits<double>::infinity();
  double paper_required = 0;
};

/// For all processors together.
struct Plan {
  static constexpr double kUnlimited = std::numeric_limits<double>::infinity();

  Policy policy = Policy::off;
  double sessions_max = kUnlimited;  ///< No newcomer while so many sessions are live.
  double rate = kUnlimited;          ///< Newcomers per second.
  double quota = kUnlimited;  ///< `paper`: newcomers in the interval; valid anew when `interval_begins`.
  bool interval_begins = false;
  double shed = 0;           ///< So many sessions have to go, the youngest first.
  double cpus_required = 0;  ///< "R" of the paper: what it would take to serve everybody who asks.
  double horizon_s = 30;     ///< A session not seen for so long is no longer counted as live.
  // Why, for people who look:
  double supply = 0;       ///< CPUs there are to spend.
  double session_cpu = 0;  ///< CPUs a live session takes.
  double entry_s = 0;      ///< CPU seconds to let one in: handshake and first request.
};

struct Decision {
  State next;
  Plan plan;
};

/// Pure: no clock, no I/O, no hidden state.
Decision decide(const Settings& settings, const State& state, const Sample& sample);

}  // namespace sluice::admission
