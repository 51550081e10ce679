#pragma once
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "admission/controller.hpp"
#include "admission/session_table.hpp"
#include "server/config.hpp"
#include "server/counters.hpp"
#include "server/cpu_supply.hpp"

/// The sensor side of admission, and the loop that joins it to controller and gates.
namespace sluice::server {

/// A thread of its own that, every 100 ms, sums up what the processors counted, asks `admission::decide` and
/// hands the plan to every processor. Owns the table of sessions. Everything public may be called from any
/// thread.
class AdmissionControl {
 public:
  using Deliver = std::function<void(const admission::Plan&)>;

  static constexpr std::chrono::milliseconds kPeriod{100};

  /// Loads the costs that the last run learnt, if there are any.
  explicit AdmissionControl(const Config& config);
  ~AdmissionControl();  ///< Stops, and keeps the costs for the next run.

  /// `counters` of all processors, which must outlive stop(); `backlog` is App::backlog_s(); `deliver` hands
  /// a plan to all processors.
  void start(std::vector<const Counters*> counters, std::function<double()> backlog, Deliver deliver);
  void stop();

  admission::SessionTable& sessions() noexcept { return sessions_; }
  const admission::SessionTable& sessions() const noexcept { return sessions_; }
  /// The response target of the law, seconds: what demand is weighed with.
  double response_target_s() const noexcept { return response_target_s_; }

  void set_policy(admission::Policy policy);
  admission::Policy policy() const;

  struct View {
    admission::Plan plan{};
    admission::Sample sample{};  ///< Of the last period.
    CpuReading cpus{};
    double request_s = 0, full_s = 0, resumed_s = 0, demand_per_s = 0, pause_s = 0, trim = 1;
    double departures_per_s = 0, offered_per_s = 0;
    std::uint64_t sessions_shed = 0;
    double other_cpu_s = 0;  ///< Since the start, of `Work::other`: what no processor booked.
  };
  View view() const;
  /// The last ten minutes of samples as CSV, for `sluice-replay`.
  std::string samples_csv() const;

 private:
  static constexpr std::size_t kKept = 6000;

  /// Cumulative counters of all processors, as they were a period ago.
  struct Totals;

  void run();
  void tick(Monotonic::time_point now);
  admission::Sample take_sample(double elapsed_s, Monotonic::time_point now);
  void load_costs();
  void save_costs() const;

  const std::filesystem::path costs_file_;
  const double response_target_s_;
  admission::SessionTable sessions_;
  std::vector<const Counters*> counters_;
  std::function<double()> backlog_;
  Deliver deliver_;
  CpuSupply supply_;
  std::unique_ptr<Totals> totals_;
  double steal_share_ = 0;
  double horizon_s_ = 30;
  Monotonic::time_point last_tick_{}, last_cpu_read_{};

  mutable std::mutex mutex_;  // everything below
  std::condition_variable wake_;
  bool stopping_ = false;
  admission::Settings settings_;
  admission::State state_;
  View view_;
  std::deque<admission::Sample> kept_;
  std::thread thread_;
};

}  // namespace sluice::server
