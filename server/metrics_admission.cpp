#include <algorithm>
#include <cmath>

#include "server/metrics_page.hpp"

namespace sluice::server {

namespace {

/// CPU seconds by kind of work. The sum is the process' CPU time as of a moment ago, but for work under way.
std::array<double, kWorks> work_seconds(const Page& page, const AdmissionControl::View& view) {
  std::array<double, kWorks> seconds{};
  for (std::size_t i = 0; i < kWorks; ++i)
    seconds[i] = static_cast<double>(page.total([=](const Counters& c) { return c.work_ns[i].get(); })) / 1e9;
  seconds[static_cast<std::size_t>(Work::other)] = view.other_cpu_s;
  return seconds;
}

/// Prometheus has no infinity problem, people have: 0 says that there is no limit.
double finite(double value) noexcept { return std::isfinite(value) ? value : 0; }

void add_decisions(Page& page) {
  page.family("admission_decisions_total", "What was decided about connections, by what they are and why.",
              MetricType::Counter);
  for (std::size_t i = 0; i < kOutcomeLabels.size(); ++i) {
    const OutcomeLabels& labels = kOutcomeLabels[i];
    page.sum({{"class", std::string(labels.session_class)},
              {"decision", std::string(labels.decision)},
              {"reason", std::string(labels.reason)}},
             [=](const Counters& c) { return c.outcomes[i].get(); });
  }
  page.family("admission_refusals_total", "How newcomers were refused.", MetricType::Counter);
  page.by_name(
      "step", kRefusalNames, [](const Counters& c) -> auto& { return c.refusals; });
  page.sum({{"step", "pause"}}, [](const Counters& c) { return c.accept_pauses.get(); });
  page.family("admission_demotions_total",
              "Clients with a session of ours that were treated as newcomers all the same.",
              MetricType::Counter);
  page.by_name(
      "reason", kDemotionNames, [](const Counters& c) -> auto& { return c.demotions; });
}

void add_work(Page& page, const Server& server, const AdmissionControl::View& view) {
  page.family("cpu_seconds_total",
              "CPU time by kind of work; with what is under way the sum is that of the process.",
              MetricType::Counter);
  const auto seconds = work_seconds(page, view);
  for (std::size_t i = 0; i < kWorks; ++i) page.value({{"work", std::string(kWorkNames[i])}}, seconds[i]);
  page.family("tls_handshake_cpu_seconds_total",
              "CPU time of handshakes, from accept on; failed ones included.", MetricType::Counter);
  page.value({{"kind", "full"}}, seconds[static_cast<std::size_t>(Work::full)]);
  page.value({{"kind", "resumed"}}, seconds[static_cast<std::size_t>(Work::resumed)]);
  page.family("http_request_cpu_seconds_total", "CPU time of requests on the processors, by interaction.",
              MetricType::Counter);
  const auto interactions = server.app().interactions();
  for (std::size_t i = 0; i < interactions.size(); ++i) {
    const auto ns = page.total([=](const Counters& c) { return c.interaction[i].cpu_ns.get(); });
    if (ns > 0) page.value({{"interaction", std::string(interactions[i])}}, static_cast<double>(ns) / 1e9);
  }
}

void add_plan(Page& page, const Server& server, const AdmissionControl::View& view) {
  const auto gauge = [&](const char* name, const char* help, double value) {
    page.family(name, help, MetricType::Gauge);
    page.value({}, value);
  };
  page.family("admission_policy", "1 for the policy in force.", MetricType::Gauge);
  for (const auto policy : {admission::Policy::off, admission::Policy::observe, admission::Policy::paper,
                            admission::Policy::session_budget}) {
    page.value({{"policy", std::string(admission::name_of(policy))}}, view.plan.policy == policy ? 1 : 0);
  }
  gauge("admission_session_budget", "Sessions that can be carried to their end; 0: no limit.",
        finite(view.plan.sessions_max));
  gauge("admission_rate", "Newcomers per second that may come in; 0 with no live limit: unlimited.",
        finite(view.plan.rate));
  gauge("admission_session_cpu", "CPUs a live session takes, as measured.", view.plan.session_cpu);
  gauge("admission_entry_cpu_seconds", "CPU time to let one in: handshake and first request.",
        view.plan.entry_s);
  gauge("admission_trim", "Feedback from the standing wait, 0.5 to 1.25.", view.trim);
  gauge("run_delay_seconds", "Smallest wait of a ready event for its processor in the last period.",
        view.sample.run_delay_min_s);
  gauge("cpus_available", "CPUs this process may use: affinity, cpuset, cgroup quota, less steal.",
        view.sample.cpus);
  gauge("cpus_required", "CPUs it would take to serve everybody who asks.", view.plan.cpus_required);
  gauge("cpu_throttled_ratio", "Share of the time in which the cgroup's quota was used up.",
        view.cpus.throttled_share);
  gauge("cpu_steal_ratio", "Share of the time in which the hypervisor ran others.", view.cpus.steal_share);
  gauge("requests_in_work", "Requests being worked on.", view.sample.in_flight);
  gauge("requests_in_work_max", "Most that may be while something other than the CPU is slow; 0: no limit.",
        view.sample.in_flight_max);
  gauge("sessions_live", "Sessions seen lately.", static_cast<double>(server.admission().sessions().live()));
  gauge("sessions_known", "Sessions remembered, live or not.",
        static_cast<double>(server.admission().sessions().size()));
  gauge("session_departures_per_second", "Sessions that go out of sight.", view.departures_per_s);
  gauge("ticket_key_age_seconds", "Age of the key that tickets are sealed with.",
        static_cast<double>(server.tls().ticket_keys().age(wall_now()).count()));
}

}  // namespace

void add_admission(Page& page, const Server& server) {
  const auto view = server.admission().view();
  add_decisions(page);
  add_work(page, server, view);
  add_plan(page, server, view);
  page.family("sessions_started_total", "Newcomers that were let in.", MetricType::Counter);
  page.sum({}, [](const Counters& c) { return c.demand.admitted.get(); });
  page.family("sessions_abandoned_total", "Clients that went in the middle of a request.",
              MetricType::Counter);
  page.sum({}, [](const Counters& c) { return c.sessions_abandoned.get(); });
  page.family("sessions_shed_total", "Sessions ended to save the others.", MetricType::Counter);
  page.value({}, static_cast<double>(view.sessions_shed));
  page.family("tls_stored_sessions", "Sessions stored for clients without tickets.", MetricType::Gauge);
  page.value({}, static_cast<double>(server.tls().stored_sessions()));
  page.family("tls_stored_sessions_evicted_total", "Stored sessions that had to make room.",
              MetricType::Counter);
  page.value({}, static_cast<double>(server.tls().stored_sessions_evicted()));
}

boost::json::object admission_status(const Server& server) {
  const auto view = server.admission().view();
  const Page page(server);
  const auto seconds = work_seconds(page, view);
  double sum = 0;
  for (const double value : seconds) sum += value;
  boost::json::object work;
  for (std::size_t i = 0; i < kWorks; ++i) {
    work[kWorkNames[i]] = {{"cpu_seconds", seconds[i]}, {"share", sum > 0 ? seconds[i] / sum : 0}};
  }
  return {{"policy", admission::name_of(view.plan.policy)},
          {"sessions_live", server.admission().sessions().live()},
          {"session_budget", finite(view.plan.sessions_max)},
          {"rate_per_second", finite(view.plan.rate)},
          {"offered_per_second", view.offered_per_s},
          {"departures_per_second", view.departures_per_s},
          {"session_cpu", view.plan.session_cpu},
          {"full_handshake_cpu_seconds", view.full_s},
          {"resumed_handshake_cpu_seconds", view.resumed_s},
          {"request_cpu_seconds", view.request_s},
          {"requests_per_session_second", view.demand_per_s},
          {"pause_seconds", view.pause_s},
          {"trim", view.trim},
          {"run_delay_seconds", view.sample.run_delay_min_s},
          {"cpus_available", view.sample.cpus},
          {"cpus_required", view.plan.cpus_required},
          {"work", std::move(work)}};
}

}  // namespace sluice::server
