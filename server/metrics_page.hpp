#pragma once
#include <cmath>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <boost/json/object.hpp>

#include "server/server.hpp"

/// A page of metrics under construction.
namespace sluice::server {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

/// Families under construction; sums one counter over all processors.
class Page {
 public:
  explicit Page(const Server& server) : server_(server) {}

  void family(std::string name, std::string help, MetricType type) {
    families_.push_back({"sluice_" + std::move(name), std::move(help), type, {}});
  }
  void value(Labels labels, double number) {
    ClientMetric metric;
    metric.label = std::move(labels);
    if (families_.back().type == MetricType::Counter) {
      metric.counter.value = number;
    } else {
      metric.gauge.value = number;
    }
    families_.back().metric.push_back(std::move(metric));
  }
  void sum(Labels labels, const std::function<std::uint64_t(const Counters&)>& pick) {
    value(std::move(labels), static_cast<double>(total(pick)));
  }
  void histogram(Labels labels, const std::function<const DurationHistogram&(const Counters&)>& pick) {
    std::vector<std::pair<double, std::uint64_t>> buckets;
    std::uint64_t cumulative = 0;
    for (std::size_t i = 0; i <= DurationHistogram::kBounds.size(); ++i) {
      cumulative += total([&](const Counters& counters) { return pick(counters).bucket(i); });
      const bool last = i == DurationHistogram::kBounds.size();
      buckets.emplace_back(last ? HUGE_VAL : DurationHistogram::kBounds[i], cumulative);
    }
    double seconds = 0;
    for (std::size_t i = 0; i < server_.processor_count(); ++i) seconds += pick(server_.counters(i)).sum();
    histogram(std::move(labels), buckets, seconds);
  }
  /// Upper bound and cumulative count of each bucket. Nothing is shown while it is empty.
  void histogram(Labels labels, const std::vector<std::pair<double, std::uint64_t>>& buckets, double sum) {
    ClientMetric metric;
    metric.label = std::move(labels);
    for (const auto& [bound, count] : buckets) metric.histogram.bucket.push_back({count, bound});
    metric.histogram.sample_count = buckets.back().second;
    metric.histogram.sample_sum = sum;
    if (metric.histogram.sample_count > 0) families_.back().metric.push_back(std::move(metric));
  }
  std::uint64_t total(const std::function<std::uint64_t(const Counters&)>& pick) const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < server_.processor_count(); ++i) sum += pick(server_.counters(i));
    return sum;
  }
  /// One value per enumerator.
  template <std::size_t N, class Pick>
  void by_name(const char* label, const std::array<std::string_view, N>& names, Pick pick) {
    for (std::size_t i = 0; i < N; ++i) {
      sum({{label, std::string(names[i])}},
          [&](const Counters& counters) { return pick(counters)[i].get(); });
    }
  }
  std::string text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  const Server& server_;
  std::vector<MetricFamily> families_;
};

/// Admission: decisions, sessions, costs, CPUs (metrics_admission.cpp).
void add_admission(Page& page, const Server& server);
/// The same for `/status`.
boost::json::object admission_status(const Server& server);

}  // namespace sluice::server
