#pragma once
#include "loadgen/report/sections.hpp"

/// The tables of a report, one function each; a table without rows is not shown. `all` is
/// `result.measured()`.
namespace sluice::loadgen::report {

Table run_table(const Result& result, const Tally& all);
Table load_table(const Result& result, const Tally& all);          ///< Offered and started.
Table sessions_table(const Result& result, const Tally& all);      ///< What became of them.
Table refusals_table(const Result& result, const Tally& all);      ///< By kind, and after how long.
Table abandonments_table(const Result& result, const Tally& all);  ///< By phase and cause.
Table work_table(const Result& result, const Tally& all);          ///< Requests, goodput, wasted work.
Table latency_table(const Result& result, const Tally& all);
Table handshakes_table(const Result& result, const Tally& all);
Table resumption_table(const Result& result, const Tally& all);
Table attacks_table(const Result& result, const Tally& all);
Table server_table(const Result& result, const Tally& all);
Table states_table(const Result& result, const Tally& all);
Table limits_table(const Result& result, const Tally& all);
Table repeat_table(const Result& result, const Tally& all);

}  // namespace sluice::loadgen::report
