#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "loadgen/lab/certificate.hpp"
#include "loadgen/lab/lab.hpp"

/// What is measured, in which order and for how long. Pure: no clock, no process, no socket.
namespace sluice::loadgen::lab {

enum class Kind { saturation, step, ramp, keepalive, attacks, resumption };

struct Experiment {
  Kind kind;
  std::string_view name;
  std::string_view shows;  ///< One sentence.
};
std::span<const Experiment> experiments() noexcept;
/// Throws UsageError that names those there are.
const Experiment& find_experiment(std::string_view name);

/// One server as it is compared with others.
struct Variant {
  std::string name{};  ///< As in legends: what sets it apart.
  std::string policy = "off";
  double processors = 1;
  KeyKind certificate = KeyKind::ecdsa;
  double keepalive_s = 10;
  std::string attack{};  ///< As `run --attack`, or empty.
};

/// All points of an experiment have these in common.
struct Conditions {
  std::string think, session_length;
  double timeout_s = 10, warmup_s = 0, window_s = 0, probe_warmup_s = 0, probe_window_s = 0;
  double step_s = 0;        ///< Length of a phase of `step`; a ramp takes five.
  double keepalive_s = 10;  ///< Unless the variant says otherwise.
  double precision = 1.25;  ///< Of the saturation search.
  unsigned repeats = 1;
  std::uint32_t shop_users = 0, shop_items = 0;
  std::string scaling;  ///< A sentence about times and sessions that are not the paper's; empty otherwise.
  std::string
      costs;  ///< A sentence where handshakes cost in proportion what the paper's did; empty otherwise.
};

/// Where neither certificate nor TLS version nor resumption is given, `saturation`, `step` and `ramp` get
/// what makes a full handshake some hundred times dearer than a resumed one, as it was for the paper:
/// TLS 1.2, RSA-4096, session IDs. It is also what lets a generator on the same machine make ten times the
/// load.
LabOptions with_the_papers_costs(LabOptions options);

struct Plan {
  Experiment experiment;
  Conditions conditions{};
  std::vector<Variant> variants{};
  /// What is varied within a variant: multiples of the saturation rate, with `resumption` the share of
  /// connections that offer to resume. `step` and `ramp` have one, the low rate of their profile, and
  /// `attacks` has one.
  std::vector<double> xs{};

  /// One point is a whole profile and shown over time.
  bool time_series() const noexcept { return experiment.kind == Kind::step || experiment.kind == Kind::ramp; }
  /// Loads are multiples of a saturation rate that is looked for first.
  bool needs_saturation() const noexcept { return experiment.kind != Kind::resumption; }
};

/// Where the attackers of a lab come from: addresses of 127.66.6.0/24. Honest users, in 127.0.0.0/24, have a
/// network of their own then, so what a server does by client network meets the right ones. Several, as each
/// has some 28,000 ports only.
std::vector<std::string> attack_sources();

/// For a machine with `cpus` CPUs. Throws UsageError for what makes no sense.
Plan make_plan(const LabOptions& options, unsigned cpus);
/// The load of `step` and `ramp` as `run --profile` takes it: from `x` times `saturation` to ten times and,
/// as a step, back.
std::string profile_text(const Plan& plan, double x, double saturation);
/// Settings of the server that `variant` means, key=value.
std::vector<std::string> server_settings(const Variant& variant);

/// One run: a variant at one load.
struct Point {
  std::size_t variant = 0;
  std::size_t x = 0;  ///< Index into `Plan::xs`.
  unsigned repeat = 0;
  std::uint64_t seed = 1;  ///< The same for all variants at this x and repeat: same arrivals, so pairs.
};
/// Variants alternate: A B, then B A, at each x and from repeat to repeat, so that a drift of the machine
/// (temperature, neighbours) hits all of them alike.
std::vector<Point> order_of(const Plan& plan, std::uint64_t seed);

/// Servers whose saturation rate has to be found: with the first policy and without attack, once for each
/// number of processors, kind of certificate and so on.
struct Capacity {
  double processors = 1;
  KeyKind certificate = KeyKind::ecdsa;
  auto operator<=>(const Capacity&) const = default;
};
Capacity capacity_of(const Variant& variant);
std::vector<Capacity> capacities_of(const Plan& plan);

/// Wall time of a point and of all of it, in seconds.
double expected_point_s(const Plan& plan);
double expected_search_s(const Plan& plan);  ///< For one capacity.
double expected_total_s(const Plan& plan, bool search);

}  // namespace sluice::loadgen::lab
