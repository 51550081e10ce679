#pragma once
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "loadgen/result.hpp"

/// The server's own account of what it does, on our clock.
namespace sluice::loadgen {

/// One scrape: "name{label="value",...}" with the labels as the server wrote them -> value.
using Samples = std::map<std::string, double>;
/// Prometheus' text format, version 0.0.4. Lines that are none are skipped: the page is foreign.
Samples parse_metrics(std::string_view text);

/// Turns scrapes into what reports show. Pure. Understands Sluice's metrics; of another server it shows what
/// has the same names.
ServerView view_of(const std::vector<std::pair<double, Samples>>& scrapes, double window_begin,
                   double window_end);

/// A thread that fetches `url` (plain HTTP) once a second, from construction to `finish()`. The body is
/// bounded to 4 MB, a fetch to one second.
class Scraper {
 public:
  /// Throws RunError when the first fetch fails: a wrong address should not be found out after an hour.
  Scraper(const std::string& url, std::chrono::steady_clock::time_point run_start);
  ~Scraper();
  ServerView finish(double window_begin, double window_end);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::loadgen
