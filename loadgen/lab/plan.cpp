#include "loadgen/lab/plan.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "loadgen/error.hpp"
#include "loadgen/lab/cluster/cluster_plan.hpp"
#include "loadgen/outcome.hpp"
#include "loadgen/report/format.hpp"

namespace sluice::loadgen::lab {

namespace {

constexpr std::array<Experiment, 6> kExperiments{{
    {Kind::saturation, "saturation",
     "The paper's figures: throughput, mean response time and completed sessions against new clients per "
     "second, one curve per number of processors and policy"},
    {Kind::step, "step", "A flash crowd over time: half the saturation rate, ten times it, half of it again"},
    {Kind::ramp, "ramp", "New clients grow from a tenth of the saturation rate to ten times it, over time"},
    {Kind::keepalive, "keepalive",
     "How the server's keep-alive timeout (5, 10, 75 s) changes who resumes and what is completed"},
    {Kind::attacks, "attacks",
     "Honest users at half the saturation rate beside each kind of hostile client: who pays for it"},
    {Kind::resumption, "resumption",
     "What a full and a resumed handshake cost, and handshakes per second against the share that resumes"},
}};

constexpr double kStart_s = 0.5;     // of a server, with a fresh copy of its database
constexpr double kPaperThink_s = 7;  // the paper's mean, and its keep-alive timeout
constexpr double kPaperKeepalive_s = 10;
constexpr unsigned kSessionPages = 15;
constexpr double kCrowd = 10;     // times the saturation rate
constexpr double kRampSteps = 5;  // a ramp is as long as so many steps
constexpr double kAttacks_per_cpu_s = 2000;
constexpr double kHeld_per_cpu_s = 400;  // of kinds that stay until the timeout: descriptors are finite

/// Users who think for `think_s` on average and come for a geometric number of pages of mean `length`. As
/// many are under way as arrive in a session's time, so the load grows for some sessions' time before it is
/// steady; a search that looks earlier finds the server carrying too much.
Conditions users(double think_s, unsigned length, double warmup_sessions) {
  const double session_s = think_s * length;
  Conditions c;
  c.think = "exp:" + report::plain(think_s) + "s";
  c.session_length = "geom:" + std::to_string(length);
  c.warmup_s = std::ceil(warmup_sessions * session_s);
  c.probe_warmup_s = std::ceil(2 * session_s);
  return c;
}

/// Times of the paper divided by 7 s / `think_s`, so that as many connections outlive the keep-alive timeout
/// and resume; the clients' timeout can't shrink as much, as handshakes take the time they take.
Conditions scaled(double think_s, unsigned length, double timeout_s) {
  Conditions c = users(think_s, length, 3);
  c.timeout_s = timeout_s;
  c.keepalive_s = kPaperKeepalive_s * think_s / kPaperThink_s;
  c.scaling = "Time is scaled: the mean think time is " + report::plain_seconds(think_s) +
              " instead of the paper's 7 s, the keep-alive timeout in proportion " +
              report::plain_seconds(c.keepalive_s) +
              " instead of 10 s, so that as many connections resume; sessions make " +
              std::to_string(length) + " requests on average, and clients give up after " +
              report::plain_seconds(timeout_s) + " instead of 10 s.";
  return c;
}

Conditions conditions_of(LabSize size) {
  Conditions c;
  switch (size) {
    case LabSize::quick:
      c = scaled(0.2, 5, 2);
      c.window_s = 5, c.probe_window_s = 2, c.step_s = 10;
      c.shop_users = 1000, c.shop_items = 500;
      break;
    case LabSize::normal:
      c = scaled(0.7, 15, 3);
      c.window_s = 20, c.probe_window_s = 5, c.step_s = 30;
      c.repeats = 2, c.precision = 1.15;
      c.shop_users = 10'000, c.shop_items = 2000;
      break;
    case LabSize::full:
      c = users(kPaperThink_s, kSessionPages, 2);
      c.scaling = "Times are the paper's; sessions make " + std::to_string(kSessionPages) +
                  " requests on average, as the browsing mix left to itself would go on for some hundred.";
      c.window_s = 180, c.probe_window_s = 30, c.step_s = 120;
      c.repeats = 2, c.precision = 1.1;
      c.shop_users = 50'000, c.shop_items = 5000;
      break;
  }
  return c;
}

void apply(const LabOptions& options, Conditions& c) {
  if (!options.think.empty()) c.think = options.think;
  if (!options.session_length.empty()) c.session_length = options.session_length;
  if (!options.think.empty() || !options.session_length.empty()) c.scaling.clear();
  if (options.timeout_s) c.timeout_s = *options.timeout_s;
  if (options.duration_s) c.window_s = c.step_s = *options.duration_s;
  if (options.warmup_s) c.warmup_s = *options.warmup_s;
  if (options.duration_s) c.probe_window_s = std::min(c.probe_window_s, *options.duration_s);
  if (options.warmup_s) c.probe_warmup_s = std::min(c.probe_warmup_s, *options.warmup_s);
  if (options.repeats != 0) c.repeats = options.repeats;
  if (options.shop_users != 0) c.shop_users = options.shop_users;
  if (options.shop_items != 0) c.shop_items = options.shop_items;
  const auto positive = [](double value, const char* option) {
    if (!(value > 0)) throw UsageError(std::string(option) + " of a lab must be more than 0");
  };
  positive(c.window_s, "--duration");
  positive(c.timeout_s, "--timeout");
  if (c.warmup_s < 0) throw UsageError("--warmup of a lab can't be negative");
}

/// The paper's 1, 2 and 4 processors where the machine has them beside the generator's; else fractions.
std::vector<double> default_processors(Kind kind, LabSize size, unsigned cpus) {
  const double unit = cpus >= 8 ? 1 : cpus >= 4 ? 0.5 : 0.25;
  switch (kind) {
    case Kind::saturation:
      if (size == LabSize::quick) return {2 * unit, 4 * unit};
      return {unit, 2 * unit, 4 * unit};
    case Kind::step:
    case Kind::ramp: return {unit};  // the generator has to make ten times what the server can take
    default: return {2 * unit};
  }
}

std::vector<double> default_xs(Kind kind, LabSize size) {
  const bool quick = size == LabSize::quick;
  switch (kind) {
    case Kind::saturation:
      if (quick) return {0.5, 1, 2, 4};
      if (size == LabSize::normal) return {0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 10};
      return {0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3, 4, 6, 8, 10};
    case Kind::keepalive:
      if (quick) return {1, 2};
      return {0.5, 1, 2, 4};
    case Kind::resumption:
      if (quick) return {0, 0.5, 1};
      return {0, 0.25, 0.5, 0.75, 0.9, 1};
    case Kind::ramp: return {0.1};
    case Kind::step:
    case Kind::attacks: return {0.5};
  }
  return {};
}

std::vector<KeyKind> key_kinds(const LabOptions& options) {
  std::vector<KeyKind> kinds;
  for (const auto& name : options.certificates) kinds.push_back(parse_key_kind(name));
  if (!kinds.empty()) return kinds;
  if (options.experiment != "resumption") return {KeyKind::ecdsa};
  if (options.size == LabSize::quick) return {KeyKind::ecdsa, KeyKind::rsa2048};
  return {KeyKind::ecdsa, KeyKind::rsa2048, KeyKind::rsa4096};
}

std::string attack_text(AttackKind kind, double processors) {
  const bool held = kind == AttackKind::silent_after_hello || kind == AttackKind::slow_hello;
  const double rate = std::max(1.0, std::round(processors * (held ? kHeld_per_cpu_s : kAttacks_per_cpu_s)));
  return std::string(kAttackNames[at(kind)]) + ":" + report::plain(rate) + "/s";
}

/// What sets variants apart besides policy, processors and certificate.
std::vector<Variant> ways_of(Kind kind, const Variant& base) {
  std::vector<Variant> ways;
  if (kind == Kind::keepalive) {
    for (const double paper_s : {5.0, 10.0, 75.0}) {
      ways.push_back(base);
      ways.back().keepalive_s = paper_s * base.keepalive_s / kPaperKeepalive_s;
      ways.back().name += ", keep-alive " + report::plain_seconds(ways.back().keepalive_s);
    }
  } else if (kind == Kind::attacks) {
    ways.push_back(base);
    ways.back().name += ", no attack";
    for (std::size_t i = 0; i < kAttackNames.size(); ++i) {
      ways.push_back(base);
      ways.back().attack = attack_text(static_cast<AttackKind>(i), base.processors);
      ways.back().name += ", " + ways.back().attack;
    }
  } else {
    ways.push_back(base);
  }
  return ways;
}

std::vector<Variant> variants_of(const LabOptions& options, const Plan& plan, unsigned cpus) {
  const Kind kind = plan.experiment.kind;
  const auto policies = options.policies.empty() ? std::vector<std::string>{"off"} : options.policies;
  const auto processors =
      options.processors.empty() ? default_processors(kind, options.size, cpus) : options.processors;
  const auto certificates = key_kinds(options);
  std::vector<Variant> variants;
  for (const double cpu : processors) {
    if (!(cpu >= 0.01 && cpu <= cpus)) {
      throw UsageError("--processors " + report::plain(cpu) + " is impossible here: 0.01 to " +
                       std::to_string(cpus));
    }
    for (const KeyKind certificate : certificates) {
      for (const std::string& policy : policies) {
        Variant base{.policy = policy, .processors = cpu, .certificate = certificate};
        base.keepalive_s = plan.conditions.keepalive_s;
        base.name = policy + ", " + report::plain(cpu) + " CPU";
        if (certificates.size() > 1) base.name += ", " + std::string(name_of(certificate));
        for (auto& way : ways_of(kind, base)) variants.push_back(std::move(way));
      }
    }
  }
  std::set<std::string> names;
  for (const Variant& variant : variants) {
    if (!names.insert(variant.name).second) throw UsageError("\"" + variant.name + "\" is asked for twice");
  }
  return variants;
}

double mean_drain_s(const Plan& plan) { return plan.conditions.timeout_s / 2; }

}  // namespace

std::span<const Experiment> experiments() noexcept { return kExperiments; }

const Experiment& find_experiment(std::string_view name) {
  std::string all;
  for (const Experiment& experiment : kExperiments) {
    if (experiment.name == name) return experiment;
    all += std::string(experiment.name) + ", ";
  }
  all += kClusterBalance;
  throw UsageError("there is no experiment \"" + std::string(name) + "\"; there are " + all);
}

LabOptions with_the_papers_costs(LabOptions options) {
  const Kind kind = find_experiment(options.experiment).kind;
  const bool papers = kind == Kind::saturation || kind == Kind::step || kind == Kind::ramp;
  if (!papers || !options.certificates.empty() || !options.tls.empty() || !options.resume.empty())
    return options;
  options.certificates = {"rsa4096"};
  options.tls = "1.2";
  options.resume = "session-id";
  return options;
}

std::vector<std::string> attack_sources() {
  constexpr int kAddresses = 32;
  std::vector<std::string> all;
  for (int i = 1; i <= kAddresses; ++i) all.push_back("127.66.6." + std::to_string(i));
  return all;
}

Plan make_plan(const LabOptions& options, unsigned cpus) {
  Plan plan{.experiment = find_experiment(options.experiment), .conditions = conditions_of(options.size)};
  if (plan.experiment.kind == Kind::resumption) {
    // No sessions: nothing to wait for until the load is steady.
    plan.conditions.warmup_s = std::min(plan.conditions.warmup_s, 2.0);
    plan.conditions.scaling.clear();
  }
  apply(options, plan.conditions);
  if (options.certificates == std::vector<std::string>{"rsa4096"} && options.tls == "1.2" &&
      options.resume == "session-id")
    plan.conditions.costs =
        "TLS 1.2, RSA-4096 and session IDs make a full handshake some hundred times dearer than a resumed "
        "one, as it was for the "
        "paper (RSA-1024 in 2005: 175 ms to 2 ms). --certificate ecdsa measures what is usual now.";
  plan.variants = variants_of(options, plan, cpus);
  plan.xs = options.multiples.empty() ? default_xs(plan.experiment.kind, options.size) : options.multiples;
  if (plan.xs.size() > 1 && (plan.time_series() || plan.experiment.kind == Kind::attacks))
    throw UsageError("--multiples of " + std::string(plan.experiment.name) + " is a single one");
  for (const double x : plan.xs) {
    if (!(x >= 0) || x > 1000 || (x == 0 && plan.needs_saturation()))
      throw UsageError("--multiples are more than 0 and at most 1000");
    if (!plan.needs_saturation() && x > 1) throw UsageError("shares that resume are 0 to 1");
  }
  return plan;
}

std::string profile_text(const Plan& plan, double x, double saturation) {
  const double first_s = plan.conditions.warmup_s + plan.conditions.step_s;
  const double second_s = plan.conditions.step_s;
  const std::string low = report::plain(x * saturation);
  const std::string high = report::plain(kCrowd * saturation);
  if (plan.experiment.kind == Kind::ramp) {
    return "ramp " + low + ".." + high + "/" +
           report::plain_seconds(plan.conditions.warmup_s + kRampSteps * second_s);
  }
  return "step " + low + "/" + report::plain_seconds(first_s) + ", step " + high + "/" +
         report::plain_seconds(second_s) + ", step " + low + "/" + report::plain_seconds(second_s);
}

std::vector<std::string> server_settings(const Variant& variant) {
  const double threads = std::max(1.0, std::ceil(variant.processors));
  return {"admission.policy=" + variant.policy, "server.processors=" + report::plain(threads),
          "server.keepalive_timeout=" + report::plain(std::round(variant.keepalive_s * 1000)) + "ms"};
}

std::vector<Point> order_of(const Plan& plan, std::uint64_t seed) {
  std::vector<Point> points;
  const std::size_t count = plan.variants.size();
  for (unsigned repeat = 0; repeat < plan.conditions.repeats; ++repeat) {
    for (std::size_t x = 0; x < plan.xs.size(); ++x) {
      const bool backwards = (repeat + x) % 2 == 1;
      for (std::size_t i = 0; i < count; ++i) {
        points.push_back({backwards ? count - 1 - i : i, x, repeat, seed + repeat * plan.xs.size() + x});
      }
    }
  }
  return points;
}

Capacity capacity_of(const Variant& variant) { return {variant.processors, variant.certificate}; }

std::vector<Capacity> capacities_of(const Plan& plan) {
  std::set<Capacity> all;
  for (const Variant& variant : plan.variants) all.insert(capacity_of(variant));
  return {all.begin(), all.end()};
}

double expected_point_s(const Plan& plan) {
  const Conditions& c = plan.conditions;
  double load_s = c.warmup_s + c.window_s;
  if (plan.experiment.kind == Kind::step) load_s = c.warmup_s + 3 * c.step_s;
  if (plan.experiment.kind == Kind::ramp) load_s = c.warmup_s + kRampSteps * c.step_s;
  return kStart_s + load_s + (plan.needs_saturation() ? mean_drain_s(plan) : 0);
}

double expected_search_s(const Plan& plan) {
  constexpr double kUsualProbes = 5;
  const Conditions& c = plan.conditions;
  return kUsualProbes * (kStart_s + c.probe_warmup_s + c.probe_window_s + mean_drain_s(plan));
}

double expected_total_s(const Plan& plan, bool search) {
  const double points = static_cast<double>(plan.variants.size() * plan.xs.size() * plan.conditions.repeats);
  const double searches =
      search && plan.needs_saturation() ? static_cast<double>(capacities_of(plan).size()) : 0;
  return points * expected_point_s(plan) + searches * expected_search_s(plan);
}

}  // namespace sluice::loadgen::lab
