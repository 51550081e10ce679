#pragma once
#include <string>

#include "loadgen/result.hpp"

namespace sluice::loadgen {

/// What the live view shows, once a second.
struct Progress {
  const Setup* setup = nullptr;
  const TimeBin* bin = nullptr;   ///< The last whole second.
  const Tally* so_far = nullptr;  ///< All of the run.
  double elapsed_s = 0;
  bool warming_up = false;
  bool draining = false;  ///< Arrivals have ended; requests in flight come to their end.
};

/// A block of a few lines for a terminal; the caller moves the cursor. `width` in columns.
std::string live_block(const Progress& progress, unsigned width);
/// The same as one plain line, for logs.
std::string live_line(const Progress& progress);

}  // namespace sluice::loadgen
