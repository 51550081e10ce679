#include "loadgen/lab/cluster/cluster_plan.hpp"

#include <algorithm>
#include <array>

#include "loadgen/error.hpp"

namespace sluice::loadgen::lab {

namespace {

struct SchemeFacts {
  Scheme scheme;
  std::string_view name, title;
};
constexpr std::array<SchemeFacts, 5> kSchemes{{
    {Scheme::address_hash, "address-hash", "by client address"},
    {Scheme::session_id, "session-id", "by TLS session ID"},
    {Scheme::round_robin, "round-robin", "round robin"},
    {Scheme::weighted, "weighted", "weighted round robin, 2:1:1"},
    {Scheme::least_connections, "least-connections", "least connections"},
}};
constexpr std::array kAllSchemes{Scheme::address_hash, Scheme::session_id, Scheme::round_robin,
                                 Scheme::weighted, Scheme::least_connections};
constexpr std::array kAllClients{Clients::even, Clients::few, Clients::heavy};
constexpr unsigned kAddresses = 60;
constexpr double kHeavyShare = 0.4;  // of the work
constexpr unsigned kHeavyTimes = 8;  // as many requests as a light session has
constexpr double kStart_s = 5;       // members, their acquaintance, and their end

const SchemeFacts& facts_of(Scheme scheme) noexcept { return kSchemes[static_cast<std::size_t>(scheme)]; }

Scheme parse_scheme(const std::string& name) {
  std::string all;
  for (const SchemeFacts& facts : kSchemes) {
    if (facts.name == name) return facts.scheme;
    all += (all.empty() ? "" : ", ") + std::string(facts.name);
  }
  throw UsageError("there is no scheme \"" + name + "\"; there are " + all);
}

std::vector<Scheme> chosen(const LabOptions& options, bool haproxy) {
  std::vector<Scheme> all;
  for (const std::string& name : options.schemes) all.push_back(parse_scheme(name));
  if (all.empty()) all.assign(kAllSchemes.begin(), kAllSchemes.end());
  if (options.schemes.empty() && options.size == LabSize::quick)
    all = {Scheme::address_hash, Scheme::session_id, Scheme::round_robin};
  if (!haproxy) std::erase_if(all, needs_haproxy);
  if (all.empty()) throw UsageError("these schemes are HAProxy's, which is not installed");
  return all;
}

void set_times(LabSize size, ClusterPlan& plan) {
  switch (size) {
    case LabSize::quick:
      plan.light = {.requests = 6, .think_s = 0.2},
      plan.heavy = {.requests = 6 * kHeavyTimes, .think_s = 0.05};
      plan.warmup_s = 3, plan.window_s = 4, plan.calibration_s = 4;
      plan.shop_users = 1000, plan.shop_items = 500;
      break;
    case LabSize::normal:
      plan.light = {.requests = 8, .think_s = 0.5},
      plan.heavy = {.requests = 8 * kHeavyTimes, .think_s = 0.1};
      plan.warmup_s = 10, plan.window_s = 10, plan.calibration_s = 8;
      plan.shop_users = 10'000, plan.shop_items = 2000;
      break;
    case LabSize::full:
      plan.light = {.requests = 15, .think_s = 7}, plan.heavy = {.requests = 15 * kHeavyTimes, .think_s = 1};
      plan.warmup_s = 240, plan.window_s = 120, plan.calibration_s = 240;
      plan.shop_users = 100'000, plan.shop_items = 10'000;
      break;
  }
}

std::vector<std::string> addresses(unsigned first, unsigned count) {
  std::vector<std::string> all;
  for (unsigned i = 0; i < count; ++i) all.push_back("10.88.64." + std::to_string(first + i));
  return all;
}

}  // namespace

std::span<const Scheme> schemes() noexcept { return kAllSchemes; }
std::string_view name_of(Scheme scheme) noexcept { return facts_of(scheme).name; }
std::string_view title_of(Scheme scheme) noexcept { return facts_of(scheme).title; }

std::string_view title_of(Clients clients) noexcept {
  switch (clients) {
    case Clients::even: return "Clients from many addresses";
    case Clients::few: return "The same clients behind two addresses";
    case Clients::heavy: break;
  }
  return "Two fifths of the work in long sessions from one address";
}

bool needs_haproxy(Scheme scheme) noexcept {
  return scheme == Scheme::session_id || scheme == Scheme::least_connections;
}

ClusterPlan make_cluster_plan(const LabOptions& options, bool haproxy) {
  ClusterPlan plan;
  set_times(options.size, plan);
  if (options.processors.size() > 1) throw UsageError("cluster-balance has one size of members");
  if (!options.processors.empty()) plan.cpus = options.processors.front();
  if (options.certificates.size() > 1) throw UsageError("cluster-balance has one kind of certificate");
  if (!options.certificates.empty()) plan.certificate = parse_key_kind(options.certificates.front());
  if (!options.tls.empty()) plan.tls = options.tls;
  if (!options.resume.empty()) plan.resume = options.resume;
  plan.warmup_s = options.warmup_s.value_or(plan.warmup_s);
  plan.window_s = options.duration_s.value_or(plan.window_s);
  plan.calibration_s = std::min(plan.calibration_s, plan.window_s);
  plan.timeout_s = options.timeout_s.value_or(plan.timeout_s);
  if (plan.window_s < 1) throw UsageError("--duration is at least a second");
  if (options.shop_users != 0) plan.shop_users = options.shop_users;
  if (options.shop_items != 0) plan.shop_items = options.shop_items;
  for (const Clients clients : kAllClients)
    for (const Scheme scheme : chosen(options, haproxy))
      for (const bool migration : {false, true}) plan.cases.push_back({scheme, migration, clients});
  return plan;
}

double expected_total_s(const ClusterPlan& plan) {
  const auto session_s = [](const SessionKind& kind) { return kind.requests * kind.think_s; };
  return 2 * kCalibrations * (plan.calibration_s + session_s(plan.light) + session_s(plan.heavy)) +
         static_cast<double>(plan.cases.size()) * (plan.warmup_s + plan.window_s + kStart_s);
}

ClusterLoad load_of(const ClusterPlan& plan, Clients clients, double light_cpu_s, double heavy_cpu_s) {
  const double cpus = plan.offered * plan.cpus * plan.members;
  const double heavy = clients == Clients::heavy ? kHeavyShare : 0;
  return {.light = (1 - heavy) * cpus / light_cpu_s, .heavy = heavy * cpus / heavy_cpu_s};
}

std::vector<std::string> light_sources(Clients clients) {
  return addresses(1, clients == Clients::few ? 2 : kAddresses);
}
std::vector<std::string> heavy_sources() { return addresses(200, 1); }

std::string_view endless_model() noexcept {
  return "to\\from,Home,Browse,BrowseCategories,SearchItemsInCategory,ViewItem,transition_waiting_time_ms\n"
         "Home,0,0,0,0,0,0\n"
         "Browse,1,0,0,0,0,0\n"
         "BrowseCategories,0,1,0,0,0,0\n"
         "SearchItemsInCategory,0,0,1,0,0.5,0\n"
         "ViewItem,0,0,0,1,0.5,0\n"
         "Back,0,0,0,0,0,0\n"
         "EndOfSession,0,0,0,0,0,0\n";
}

std::vector<std::string> rig_words(Scheme scheme) {
  switch (scheme) {
    case Scheme::address_hash: return {"hash"};
    case Scheme::round_robin: return {"round-robin"};
    case Scheme::weighted: return {"round-robin", "2"};
    case Scheme::session_id:
    case Scheme::least_connections: break;
  }
  return {};
}

std::string haproxy_config(Scheme scheme, const std::string& listen,
                           const std::vector<std::string>& members) {
  // A TLS 1.2 session ID follows, in both hellos, 43 bytes of headers, version and random (RFC 5246 section
  // 7.4.1), with its length before it.
  static constexpr std::string_view kStick =
      "  tcp-request inspect-delay 3s\n"
      "  tcp-request content accept if { req.ssl_hello_type 1 }\n"
      // Without a delay, a server hello that is not there yet is never looked at.
      "  tcp-response inspect-delay 3s\n"
      "  tcp-response content accept if { res.ssl_hello_type 2 }\n"
      "  stick-table type binary len 32 size 200k expire 30m\n"
      "  stick on payload_lv(43,1) if { req.ssl_hello_type 1 }\n"
      "  stick store-response payload_lv(43,1) if { res.ssl_hello_type 2 }\n";
  std::string text =
      "global\n  maxconn 8000\n  nbthread 1\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client "
      "1m\n"
      "  timeout server 1m\nlisten members\n  bind " +
      listen + "\n  balance " + (scheme == Scheme::least_connections ? "leastconn" : "roundrobin") + "\n";
  if (scheme == Scheme::session_id) text += kStick;
  for (std::size_t i = 0; i < members.size(); ++i)
    text += "  server m" + std::to_string(i + 1) + " " + members[i] + "\n";
  return text;
}

}  // namespace sluice::loadgen::lab
