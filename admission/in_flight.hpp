#pragma once
#include <cstddef>

/// Bounds the requests in work while something other than the CPU is slow (a database, a disk): otherwise
/// each second of its slowness leaves another second's requests waiting.
namespace sluice::admission {

struct InFlightSettings {
  double min = 16;  ///< Never bounds below this.
  double max = 100'000;
  double tolerance = 2;  ///< A wait up to so many times the usual one is not slowness.
  double idle_share =
      0.8;  ///< Of the CPU: above it the wait is for the CPU, which is the session budget's business.
  double usual_memory_s = 60;  ///< With which the usual wait adapts to a new normal.
};

/// Follows the gradient of the wait, as Netflix' concurrency-limits (Gradient2): the bound shrinks in the
/// proportion in which waits grew over the usual, and else grows by its root, as long as it is used. One per
/// processor. Pure.
class InFlight {
 public:
  explicit InFlight(InFlightSettings settings = {}) noexcept : settings_(settings), limit_(settings.max) {}

  /// Once a control period: requests answered in it and the sum of what they waited beyond their CPU time,
  /// requests in work now, and the share of its CPU that the processor used.
  void update(double elapsed_s, double answered, double waited_s, double in_flight,
              double cpu_share) noexcept;
  bool room(std::size_t in_flight) const noexcept { return static_cast<double>(in_flight) < limit_; }
  /// 0 while there is no bound to speak of.
  double limit() const noexcept { return limit_ >= settings_.max ? 0 : limit_; }

 private:
  InFlightSettings settings_;
  double limit_;
  double usual_s_ = 0;
  double recent_s_ = 0;
  double stalled_s_ = 0;
};

}  // namespace sluice::admission
