#include "node/cluster_node.hpp"
#include "server/metrics_page.hpp"

/// What /metrics and /status say of the cluster.
namespace sluice::node {

namespace {

using server::Labels;
using server::MetricType;

constexpr std::array<std::string_view, 3> kStateNames{"unknown", "serving", "draining"};

void add_members(server::Page& page, const cluster::View& view) {
  page.family("cluster_members", "The other members, by what is known of them.", MetricType::Gauge);
  for (std::size_t i = 0; i < cluster::kLivenessNames.size(); ++i) {
    const auto count = std::ranges::count_if(
        view.others, [&](const auto& member) { return static_cast<std::size_t>(member.liveness) == i; });
    page.value({{"state", std::string(cluster::kLivenessNames[i])}}, static_cast<double>(count));
  }
  page.family("cluster_leads", "1 while this member makes the ticket keys.", MetricType::Gauge);
  page.value({}, view.leads ? 1 : 0);
  page.family("cluster_rejections_total", "Connections between members that were ended, by reason.",
              MetricType::Counter);
  for (std::size_t i = 0; i < cluster::kRejectionNames.size(); ++i)
    page.value({{"reason", std::string(cluster::kRejectionNames[i])}},
               static_cast<double>(view.rejections[i]));
}

void add_discovery(server::Page& page, const cluster::DiscoveryView& view) {
  page.family("cluster_discovery_total", "Looks at who is in the cluster, by what came of them.",
              MetricType::Counter);
  for (std::size_t i = 0; i < cluster::kLookedNames.size(); ++i)
    page.value({{"kind", view.kind}, {"result", std::string(cluster::kLookedNames[i])}},
               static_cast<double>(view.counts[i]));
  page.family("cluster_discovered", "Addresses of members that were found last.", MetricType::Gauge);
  page.value({}, static_cast<double>(view.addresses));
}

void add_moves(server::Page& page, const cluster::View& view) {
  const cluster::ExchangeCounts& counts = view.sessions;
  const auto add = [&](const char* kind, const char* transport, const char* direction, const char* result,
                       std::uint64_t count) {
    page.value({{"kind", kind}, {"transport", transport}, {"direction", direction}, {"result", result}},
               static_cast<double>(count));
  };
  add("session", "fetch", "in", "ok", counts.fetched);
  add("session", "fetch", "in", "missing", counts.missing);
  add("session", "fetch", "in", "late", counts.late);
  add("session", "fetch", "in", "overrun", counts.overrun);
  add("session", "fetch", "out", "ok", counts.given);
  add("session", "push", "in", "ok", counts.taken);
  add("session", "push", "in", "rejected", counts.rejected);
  add("session", "push", "out", "ok", counts.pushed);
  add("session", "push", "out", "lost", counts.lost);
  add("hello", "relay", "out", "ok", view.newcomers_sent);
  add("hello", "relay", "out", "unreached", view.newcomers_unreached);
  add("hello", "relay", "in", "ok", view.newcomers_received);
}

void add_delegation(server::Page& page, const cluster::View& view) {
  page.family("cluster_delegated_share", "Of newcomers that go to another member although there is room.",
              MetricType::Gauge);
  page.value({}, view.newcomers_share);
}

/// The times of a Prometheus histogram, cumulative.
void add_fetch_times(server::Page& page, const cluster::FetchTimes& times) {
  page.family("cluster_fetch_duration_seconds", "From asking for a session to having it.",
              MetricType::Histogram);
  std::vector<std::pair<double, std::uint64_t>> buckets;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < times.buckets.size(); ++i) {
    sum += times.buckets[i];
    buckets.emplace_back(i < cluster::FetchTimes::kBounds.size() ? cluster::FetchTimes::kBounds[i] : HUGE_VAL,
                         sum);
  }
  page.histogram({}, buckets, times.sum);
}

}  // namespace

void ClusterNode::add_migrations(server::Page& page) const { add_moves(page, cluster_.view()); }

std::string ClusterNode::metrics() const {
  const cluster::View view = cluster_.view();
  server::Page page(server_);
  add_members(page, view);
  add_discovery(page, view.discovery);
  add_delegation(page, view);
  add_fetch_times(page, view.sessions.fetch_times);
  return page.text();
}

boost::json::object ClusterNode::status() const {
  const cluster::View view = cluster_.view();
  boost::json::array members;
  for (const cluster::Member& member : view.others) {
    const cluster::Digest& digest = member.digest;
    members.push_back({{"name", member.name},
                       {"address", member.address},
                       {"liveness", cluster::kLivenessNames[static_cast<std::size_t>(member.liveness)]},
                       {"state", kStateNames[static_cast<std::size_t>(digest.state)]},
                       {"policy", digest.policy},
                       {"cpus", digest.cpus_milli / 1000.0},
                       {"cpus_idle", digest.idle_milli / 1000.0},
                       {"sessions_live", digest.live_sessions},
                       {"sessions_room", digest.room_sessions},
                       {"newcomers_per_second_spare", digest.spare_milli / 1000.0},
                       {"sessions_stored", digest.stored_sessions},
                       {"keys_agree", digest.keys == server_.tls().ticket_keys().ring()->fingerprint()}});
  }
  return {{"name", view.name},
          {"address", view.address},
          {"leads", view.leads},
          {"ticket_generation", server_.tls().ticket_keys().ring()->current().generation},
          {"discovery",
           {{"kind", view.discovery.kind},
            {"last", cluster::kLookedNames[static_cast<std::size_t>(view.discovery.last)]},
            {"trouble", view.discovery.trouble},
            {"addresses", view.discovery.addresses},
            {"dialed", view.dialed}}},
          {"connections", {{"helper", view.helper}, {"kept", view.kept}}},
          {"members", std::move(members)}};
}

}  // namespace sluice::node
