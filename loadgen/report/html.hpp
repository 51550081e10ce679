#pragma once
#include <string>

#include "loadgen/result.hpp"

namespace sluice::loadgen {

/// One self-contained page about a run: verdict, tables, and charts over time of throughput, response-time
/// percentiles, sessions, refusals by kind, and the server's CPU by work where it was scraped.
std::string html_report(const Result& result);
/// HdrHistogram's text of the `complete` latencies, for its plotters.
std::string hgrm(const Histogram& histogram);

}  // namespace sluice::loadgen
