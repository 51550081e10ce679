#include "admission/in_flight.hpp"

#include <algorithm>
#include <cmath>

namespace sluice::admission {

namespace {
constexpr double kRecentMemory_s = 0.5;
constexpr double kWaitMin_s = 0.002;  // shorter waits are no matter
constexpr double kGradientMin = 0.5;
constexpr double kSmoothing = 0.2;  // of a step of the limit
}  // namespace

void InFlight::update(double elapsed_s, double answered, double waited_s, double in_flight,
                      double cpu_share) noexcept {
  if (elapsed_s <= 0) return;
  if (cpu_share > settings_.idle_share) {  // not our case; what was learnt stays
    limit_ = std::min(settings_.max, limit_ + std::sqrt(limit_));
    return;
  }
  if (answered > 0) {
    const double wait = std::max(waited_s / answered, kWaitMin_s);
    const double keep_usual = std::exp(-elapsed_s / settings_.usual_memory_s);
    const double keep_recent = std::exp(-elapsed_s / kRecentMemory_s);
    usual_s_ = usual_s_ == 0 ? wait : usual_s_ * keep_usual + wait * (1 - keep_usual);
    usual_s_ = std::min(usual_s_, std::max(wait, kWaitMin_s) * 2);  // a better time is believed at once
    recent_s_ = recent_s_ == 0 ? wait : recent_s_ * keep_recent + wait * (1 - keep_recent);
  }
  // While nothing is answered at all, what is in work waits at least so long.
  stalled_s_ = answered > 0 || in_flight <= settings_.min ? 0 : stalled_s_ + elapsed_s;
  recent_s_ = std::max(recent_s_, stalled_s_);
  if (usual_s_ == 0) return;
  const double gradient = std::clamp(settings_.tolerance * usual_s_ / recent_s_, kGradientMin, 1.0);
  if (gradient < 1 && limit_ >= settings_.max)
    limit_ = std::max(in_flight, settings_.min);  // the bound begins here
  const bool used = in_flight > limit_ / 2;
  if (gradient >= 1 && !used && limit_ < settings_.max) {
    limit_ = std::min(settings_.max, limit_ + std::sqrt(limit_));  // nobody meets it: let it go
    return;
  }
  const double wanted = limit_ * gradient + std::sqrt(limit_);
  limit_ = std::clamp(limit_ * (1 - kSmoothing) + wanted * kSmoothing, settings_.min, settings_.max);
}

}  // namespace sluice::admission
