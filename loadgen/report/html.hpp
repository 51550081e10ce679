#pragma once
#include <string>

#include "loadgen/result.hpp"

namespace sluice::loadgen {

/// One self-contained page about a run: verdict, key figures, charts over time (throughput, response-time
/// percentiles, sessions, refusals by kind, the server's CPU by work where it was scraped), the distribution
/// of latencies, tables. Below 400 KB for ten minutes.
std::string html_report(const Result& result);
/// HdrHistogram's text of the `complete` latencies (values in ms), for its plotters.
std::string hgrm(const Histogram& histogram);

}  // namespace sluice::loadgen
