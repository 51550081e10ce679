#pragma once
#include <string>
#include <vector>

#include "loadgen/result.hpp"

namespace sluice::loadgen {

/// What the live view shows, once a second. Borrows all it points to; any of it may be null.
struct Progress {
  const Setup* setup = nullptr;
  const TimeBin* bin = nullptr;   ///< The last whole second.
  const Tally* so_far = nullptr;  ///< All of the run.
  double elapsed_s = 0;
  bool warming_up = false;
  bool draining = false;  ///< Arrivals have ended; requests in flight come to their end.
  const std::vector<TimeBin>* history = nullptr;  ///< All whole seconds, for the sparklines.
};

/// A block of a few lines for a terminal, each of at most `width` columns; the caller moves the cursor. The
/// number of lines stays the same during a run.
std::string live_block(const Progress& progress, unsigned width);
/// The same as one plain line without an end of line, for logs.
std::string live_line(const Progress& progress);

}  // namespace sluice::loadgen
