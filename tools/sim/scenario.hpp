#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admission/controller.hpp"
#include "admission/gate.hpp"
#include "tools/sim/profile.hpp"
#include "tools/sim/words.hpp"

/// What is simulated: a machine, what work costs on it, and who visits.
namespace sluice::tools {

/// CPU seconds.
struct Costs {
  double full_s = 0.25e-3;     ///< Full handshake.
  double resumed_s = 0.15e-3;  ///< Resumed handshake.
  Distribution request{Distribution::Shape::exponential, 0.5e-3, 1};
  double refusal_s = 30e-6;
  double accept_s = 0;  ///< Taking a connection and reading its hello; part of every connection.
};

struct Machine {
  double cpus = 2;          ///< A part of one is one that is slower.
  unsigned processors = 0;  ///< Event loops, each with a gate and a backlog; 0: as many as CPUs at the start.
  unsigned backlog = 1024;  ///< Connections that wait to be accepted by one processor; 0: no bound.
  double keepalive_s = 10;  ///< An idle connection is closed after it.
  std::size_t table = 4'000'000;  ///< Sessions remembered.
  /// Requests of sessions before handshakes of newcomers. If not given: with the policies that limit.
  std::optional<bool> sessions_first{};
  /// A client that has gone is noticed before its handshake. If not given: with the policies that limit.
  std::optional<bool> notice_gone{};
};

enum class Retry { none, browser };

struct Visitors {
  Count requests{true, 15};
  Distribution think{Distribution::Shape::exponential, 7, 1};
  double timeout_s = 10;      ///< A client gives up on a request after it, and goes.
  bool says_goodbye = false;  ///< Closes its connection when its visit ends.
  Retry retry = Retry::none;
};

struct Scenario {
  Machine machine{};
  Costs costs{};
  Visitors visitors{};
  Profile profile = Profile::constant(0);
  std::vector<Change> cost_factors{};  ///< Of requests, from then on.
  std::vector<Change> cpu_counts{};
  admission::Settings admission{};
  admission::GateSettings gate{};
  double period_s = 0.1;  ///< Of control.
  double duration_s = 400;
  double warmup_s = 100;  ///< Not part of the figures.
  std::uint64_t seed = 1;

  /// Resumed handshakes of a session: pauses that are longer than the keep-alive.
  double resumptions() const noexcept;
  /// CPU seconds of a whole session.
  double session_s(double cost_factor = 1) const noexcept;
  /// Sessions per second that all CPUs could complete, were there nothing else to do.
  double capacity(double cpus, double cost_factor = 1) const noexcept {
    return cpus / session_s(cost_factor);
  }
  double cpus_at(double t) const noexcept;
  double cost_factor_at(double t) const noexcept;
  bool limits() const noexcept;  ///< Whether the policy turns anybody away.
  bool sessions_first() const noexcept { return machine.sessions_first.value_or(limits()); }
  bool notices_gone() const noexcept { return machine.notice_gone.value_or(limits()); }
  /// A sentence about the first thing that makes no sense; empty when all is well.
  std::string problem() const;
};

inline constexpr std::string_view kPresets = "today, paper2005, no-think, member";
/// Machine, costs and visitors of reference scenarios. Throws UsageError.
Scenario preset(std::string_view name);

}  // namespace sluice::tools
