#pragma once
#include <atomic>
#include <cmath>
#include <optional>
#include <ostream>
#include <string>

#include "loadgen/lab/figures.hpp"
#include "loadgen/lab/server.hpp"
#include "loadgen/options.hpp"

namespace sluice::loadgen::lab {

/// CPU the server used over a run's window, out of readings of its clock, one after each second. Pure.
class CpuWindow {
 public:
  /// As in the run's options; a window begins with a whole second.
  CpuWindow(double warmup_s, double duration_s) : warmup_s_(std::ceil(warmup_s)), duration_s_(duration_s) {}
  /// `run_s`: seconds of the run that are over. `t_s`: when it was read, on any monotonic clock.
  void read(double run_s, double t_s, double cpu_s);
  /// CPUs used from the last reading of the warm-up to the last before arrivals ended; none without two.
  std::optional<double> cpus() const;

 private:
  struct Reading {
    double t_s, cpu_s;
  };
  double warmup_s_, duration_s_;
  std::optional<Reading> begin_, end_;
};

/// Makes one run at a time, each against a fresh server: what one point leaves behind (sessions, queues, a
/// grown database, learnt costs) can't touch the next, and a start takes 0.2 s.
class Bench {
 public:
  /// Borrows all of it.
  Bench(ServerKit& kit, const Plan& plan, const LabOptions& options, std::ostream& progress,
        const std::atomic<bool>& stop);

  /// Throws RunError, also when the server ended by itself; `saturation` in new clients/s.
  Measurement measure(const Point& point, double saturation);
  /// A short run of plain sessions for the search.
  Probe probe(const Variant& variant, double rate, unsigned index);
  CpuShare cpus_for(double processors) const;

 private:
  struct Outcome {
    Result result{};
    std::optional<double> server_cpu{};
  };
  Options options_for(const Variant& variant, const Server& server, const CpuShare& cpus);
  Options options_of(const Point& point, const Server& server, const CpuShare& cpus, double saturation);
  Outcome run_against(Server& server, const CpuShare& cpus, const Options& options);

  ServerKit& kit_;
  const Plan& plan_;
  const LabOptions& options_;
  std::ostream& progress_;
  const std::atomic<bool>& stop_;
  std::vector<int> cpus_;
  ScriptSource source_;
};

}  // namespace sluice::loadgen::lab
