#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "admission/controller.hpp"
#include "admission/gate.hpp"
#include "admission/session_table.hpp"
#include "base/random.hpp"
#include "tools/sim/event_queue.hpp"
#include "tools/sim/machine.hpp"
#include "tools/sim/scenario.hpp"
#include "tools/sim/sensor.hpp"
#include "tools/sim/series.hpp"

/// A server under visitors, in simulated time: the production controller, gates and session table, around a
/// model of everything else.
///
/// What the model leaves out: the network (no time, no loss), time slices (work that has begun ends), locks
/// and databases, the kernel's distribution of connections over processors that are unequally busy (all CPUs
/// serve one queue), and CPU quotas, which stop a process in bursts where a part of a CPU here is a slow one.
namespace sluice::tools {

class Simulation {
 public:
  /// The scenario has no problem().
  explicit Simulation(const Scenario& scenario);
  /// Once. `progress` is told the simulated time each simulated second.
  Result run(const std::function<void(double)>& progress = {});

 private:
  using Instant = admission::Instant;

  /// Somebody who comes, and what we know about them.
  struct Visitor {
    Random random{};
    admission::SessionPtr session{};  ///< Of those who were admitted.
    Instant due{};                    ///< When they asked for what they wait for.
    Instant answered{};
    double connection_cpu_s = 0;
    std::uint32_t requests_left = 0;
    std::uint16_t processor = 0;
    std::uint8_t attempts = 0;  ///< Refusals met.
    std::uint8_t syns = 0;      ///< Of this attempt, unanswered.
    bool resumed = false;       ///< The connection they have now.
    bool first_answered = false;
  };
  struct Parked final : admission::Waiter {
    std::uint32_t visitor = 0;
    std::uint32_t place = 0;  ///< Its own, in parked_.
  };
  enum class Happening : std::uint8_t { arrival, connect, ask, cpu_done, poll, tick, change };
  struct Event {
    Happening happening = Happening::tick;
    std::uint32_t index = 0;  ///< Visitor, CPU or processor.
  };
  /// What a piece of work takes and what becomes of it.
  struct Begun {
    enum class Outcome : std::uint8_t { granted, parked, refused, full, resumed, answered, vanished } outcome;
    double cost_s = 0;
  };
  struct Running {
    Begun begun{};
    bool useful = false;
  };

  // simulation.cpp: time
  void handle(const Event& event);
  void schedule_arrival();
  void arrive();
  void tick();
  void end_second();
  void change_machine();
  void dispatch();
  void poll(std::uint32_t processor);
  double seconds_until(Instant at) const noexcept {
    return std::chrono::duration<double>(at - start_).count();
  }
  Instant instant(double t) const noexcept;
  bool measuring() const noexcept { return seconds_until(now_) > scenario_.warmup_s; }
  void later(double seconds, Event event);
  void count(double Fates::*field) noexcept;

  // visit.cpp: what becomes of a visitor
  void connect(std::uint32_t id);
  void ask(std::uint32_t id);
  Begun begin(const Job& job);
  Begun begin_hello(std::uint32_t id);
  Begun begin_resuming(std::uint32_t id);
  Begun begin_request(std::uint32_t id);
  void finish(const Job& job, const Running& running);
  void account(const Begun& begun, double cost_s);
  void answer(std::uint32_t id);
  void turn_away(std::uint32_t id);
  bool admit(std::uint32_t id);
  void grant(std::uint32_t id);
  void end_connection(Visitor& visitor);
  void end_visit(std::uint32_t id, double Fates::*fate, double Second::*counter);
  bool gone(const Visitor& visitor) const noexcept;
  std::uint32_t park(std::uint32_t id);
  std::uint32_t unpark(admission::Waiter& waiter);

  const Scenario scenario_;
  const Instant start_;
  Instant now_;
  EventQueue<Event> events_;
  Cpus cpus_;
  std::vector<Running> running_;  // by CPU
  Sensor sensor_;
  admission::SessionTable table_;
  admission::State state_{};
  admission::Plan plan_{};
  std::vector<std::unique_ptr<admission::Gate>> gates_;
  std::vector<std::uint8_t> polled_;     // by gate: a poll is scheduled
  std::vector<std::uint32_t> backlogs_;  // by processor
  std::deque<Parked> parked_;
  std::vector<std::uint32_t> parked_free_;
  std::vector<Visitor> visitors_;
  std::vector<std::uint32_t> visitors_free_;
  Random random_;
  double cost_factor_ = 1;
  double known_cpus_;
  double in_flight_ = 0;
  std::uint64_t ticks_ = 0;
  Second second_{};
  Histogram second_responses_;
  Result result_;
};

}  // namespace sluice::tools
