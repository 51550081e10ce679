#pragma once
#include <atomic>
#include <functional>

#include "loadgen/options.hpp"
#include "loadgen/report/live.hpp"
#include "loadgen/result.hpp"

namespace sluice::loadgen {

/// Runs the load and blocks until it has ended: arrivals for `duration_s`, then at most `timeout_s` for
/// requests in flight. `on_second` is called about once a second on the calling thread. Setting `stop` ends
/// the run early and still gives a result. Throws RunError when nothing could be measured: the target can't
/// be reached at all, its certificate is not trusted.
Result run(const Options& options, const std::function<void(const Progress&)>& on_second,
           const std::atomic<bool>& stop);

}  // namespace sluice::loadgen
