#include "server/metrics.hpp"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

#include <openssl/crypto.h>
#include <boost/json.hpp>

#include "server/metrics_page.hpp"

namespace sluice::server {

namespace {

constexpr std::array<std::string_view, 2> kKindNames{"full", "resumed"};
constexpr std::array<std::string_view, 2> kVersionNames{"1.2", "1.3"};

void add_connections(Page& page, std::uint64_t admin_refused) {
  page.family("accepted_connections_total", "Connections accepted.", MetricType::Counter);
  page.sum({}, [](const Counters& c) { return c.accepted.get(); });
  page.family("connections", "Open connections by what they are doing.", MetricType::Gauge);
  page.by_name(
      "state", kConnectionStateNames, [](const Counters& c) -> auto& { return c.connections; });
  page.family("limit_hits_total", "Times a bound on something from outside was hit.", MetricType::Counter);
  page.by_name(
      "limit", kLimitNames, [](const Counters& c) -> auto& { return c.limit_hits; });
  page.value({{"limit", "admin_connections"}}, static_cast<double>(admin_refused));
}

void add_handshakes(Page& page) {
  page.family("tls_client_hellos_total", "What the first bytes of connections were, before any cryptography.",
              MetricType::Counter);
  page.by_name(
      "class", kHelloClassNames, [](const Counters& c) -> auto& { return c.hellos; });
  page.family("tls_handshakes_total", "Handshakes by kind, protocol version and result.",
              MetricType::Counter);
  for (std::size_t kind = 0; kind < kKindNames.size(); ++kind) {
    for (std::size_t version = 0; version < kVersionNames.size(); ++version) {
      page.sum({{"kind", std::string(kKindNames[kind])},
                {"version", std::string(kVersionNames[version])},
                {"result", "ok"}},
               [=](const Counters& c) { return c.handshakes[kind].ok[version].get(); });
    }
  }
  page.sum({{"kind", "unknown"}, {"version", "unknown"}, {"result", "failed"}},
           [](const Counters& c) { return c.handshakes_failed.get(); });
  page.family("tls_handshake_duration_seconds", "From the ClientHello to the end of the handshake.",
              MetricType::Histogram);
  for (std::size_t kind = 0; kind < kKindNames.size(); ++kind) {
    page.histogram(
        {{"kind", std::string(kKindNames[kind])}}, [=](const Counters& c) -> auto& {
          return c.handshakes[kind].duration;
        });
  }
}

/// Of connections, and of what the cluster moves besides.
void add_migrations(Page& page, const Server& server) {
  static constexpr std::array<std::pair<const char*, const char*>, static_cast<std::size_t>(Move::count)>
      kLabels{{{"out", "ok"},
               {"out", "kept"},
               {"out", "unable"},
               {"out", "lost"},
               {"in", "ok"},
               {"in", "given_up"}}};
  page.family("migrations_total", "What moved to or from other members or processes.", MetricType::Counter);
  const std::size_t transports = server.peers() == nullptr ? 1 : static_cast<std::size_t>(Transport::count);
  for (std::size_t transport = 0; transport < transports; ++transport) {
    for (std::size_t move = 0; move < kLabels.size(); ++move) {
      page.sum({{"kind", "connection"},
                {"transport", std::string(kTransportNames[transport])},
                {"direction", kLabels[move].first},
                {"result", kLabels[move].second}},
               [=](const Counters& c) { return c.moves[transport][move].get(); });
    }
  }
  if (server.peers() != nullptr) server.peers()->add_migrations(page);
  page.family("migration_blackout_seconds",
              "For how long a connection that moved had no owner who could send.", MetricType::Histogram);
  page.histogram(
      {}, [](const Counters& c) -> auto& { return c.blackout; });
}

void add_requests(Page& page, const Server& server) {
  const auto interactions = server.app().interactions();
  page.family("http_requests_total", "Requests answered, by interaction and status code.",
              MetricType::Counter);
  for (std::size_t i = 0; i < interactions.size(); ++i) {
    for (std::size_t code = 0; code <= kStatusCodes.size(); ++code) {
      const auto count = page.total([=](const Counters& c) { return c.interaction[i].requests[code].get(); });
      if (count == 0) continue;
      const std::string label = code < kStatusCodes.size() ? std::to_string(kStatusCodes[code]) : "other";
      page.value({{"interaction", std::string(interactions[i])}, {"code", label}},
                 static_cast<double>(count));
    }
  }
  page.family("http_request_duration_seconds",
              "From the end of a request to the last byte handed to the kernel.", MetricType::Histogram);
  for (std::size_t i = 0; i < interactions.size(); ++i) {
    page.histogram(
        {{"interaction", std::string(interactions[i])}}, [=](const Counters& c) -> auto& {
          return c.interaction[i].duration;
        });
  }
  page.family("http_response_body_bytes_total", "Bytes of response bodies, before encryption.",
              MetricType::Counter);
  page.sum({}, [](const Counters& c) { return c.bytes_sent.get(); });
}

double open_descriptors() {
  double count = -3;  // ".", ".." and the directory itself
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count;
}

double resident_bytes() {
  std::ifstream in("/proc/self/statm");
  double size = 0;
  double resident = 0;
  in >> size >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double process_cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// The names every Prometheus client library uses, without our prefix.
std::string process_metrics() {
  std::vector<MetricFamily> families;
  const auto add = [&](const char* name, const char* help, MetricType type, double value) {
    ClientMetric metric;
    (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
    families.push_back({name, help, type, {std::move(metric)}});
  };
  add("process_cpu_seconds_total", "User and system CPU time.", MetricType::Counter, process_cpu_seconds());
  add("process_resident_memory_bytes", "Resident memory.", MetricType::Gauge, resident_bytes());
  add("process_open_fds", "Open file descriptors.", MetricType::Gauge, open_descriptors());
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  add("process_max_fds", "Most file descriptors this process may open.", MetricType::Gauge,
      static_cast<double>(files.rlim_cur));
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace

std::string metrics_text(const Server& server, std::uint64_t admin_refused) {
  Page page(server);
  page.family("build_info", "Always 1; the labels say what runs.", MetricType::Gauge);
  page.value({{"version", kVersion}, {"openssl", OpenSSL_version(OPENSSL_VERSION_STRING)}}, 1);
  page.family("processors", "HTTP processors (threads that serve).", MetricType::Gauge);
  page.value({}, static_cast<double>(server.processor_count()));
  add_connections(page, admin_refused);
  add_handshakes(page);
  add_requests(page, server);
  add_migrations(page, server);
  add_admission(page, server);
  return page.text() + process_metrics() + server.app().metrics() +
         (server.peers() != nullptr ? server.peers()->metrics() : "");
}

std::string status_json(const Server& server, std::chrono::seconds uptime, boost::json::object upgrade) {
  const Page page(server);
  boost::json::object connections;
  for (std::size_t i = 0; i < kConnectionStateNames.size(); ++i) {
    connections[kConnectionStateNames[i]] =
        page.total([=](const Counters& c) { return c.connections[i].get(); });
  }
  boost::json::object handshakes;
  for (std::size_t kind = 0; kind < kKindNames.size(); ++kind) {
    handshakes[kKindNames[kind]] = page.total(
        [=](const Counters& c) { return c.handshakes[kind].ok[0].get() + c.handshakes[kind].ok[1].get(); });
  }
  boost::json::object requests;
  const auto interactions = server.app().interactions();
  for (std::size_t i = 0; i < interactions.size(); ++i) {
    const auto count = page.total([=](const Counters& c) {
      std::uint64_t sum = 0;
      for (const auto& counter : c.interaction[i].requests) sum += counter.get();
      return sum;
    });
    if (count > 0) requests[interactions[i]] = count;
  }
  boost::json::array listeners;
  for (const Endpoint& endpoint : server.endpoints()) {
    listeners.emplace_back(endpoint_text(endpoint));
  }
  const std::string not_ready = server.draining() ? "draining" : server.app().not_ready();
  boost::json::object status{{"version", kVersion},
                             {"state", server.draining()   ? "draining"
                                       : not_ready.empty() ? "serving"
                                                           : "not ready"},
                             {"reason", not_ready},
                             {"pid", ::getpid()},
                             {"upgrade", std::move(upgrade)},
                             {"uptime_seconds", uptime.count()},
                             {"processors", server.processor_count()},
                             {"admission_policy", admission::name_of(server.admission().policy())},
                             {"admission", admission_status(server)},
                             {"listeners", std::move(listeners)},
                             {"connections", std::move(connections)},
                             {"handshakes", std::move(handshakes)},
                             {"requests", std::move(requests)}};
  if (server.peers() != nullptr) status["cluster"] = server.peers()->status();
  return boost::json::serialize(status) + "\n";
}

}  // namespace sluice::server
