#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "admission/session_table.hpp"
#include "base/random.hpp"
#include "tools/sim/cluster_member.hpp"
#include "tools/sim/cluster_scenario.hpp"
#include "tools/sim/cluster_series.hpp"
#include "tools/sim/event_queue.hpp"

/// A cluster under visitors, in simulated time. Each member decides with the production code (see
/// ClusterMember); around it are models of the balancer, of CPUs and of the network between members.
///
/// What the model leaves out, besides what Simulation does: a session is one connection, so nobody resumes
/// anywhere; a member has one gate and no backlog that could overflow; who is refused stays away; the
/// balancer notices at once when a member was killed; what members say costs them no CPU, and is not lost or
/// late because they are busy (MeshCost has what it takes). A digest is answered with another one, of the
/// same figures that the answering member says by itself: such answers are not simulated.
namespace sluice::tools {

class ClusterSimulation {
 public:
  /// The scenario has no problem().
  explicit ClusterSimulation(const ClusterScenario& scenario);
  /// Once. `progress` is told the simulated time each simulated second.
  ClusterResult run(const std::function<void(double)>& progress = {});

 private:
  using Instant = admission::Instant;
  using Begun = ClusterMember::Begun;
  using Fate = double ClusterFates::*;

  static constexpr std::uint16_t kNowhere = UINT16_MAX;

  struct Parked final : admission::Waiter {
    explicit Parked(std::uint32_t of) noexcept : visitor(of) {}
    std::uint32_t visitor;
  };
  /// Somebody who comes, and what we know about them.
  struct Visitor {
    Random random{};
    admission::SessionPtr session{};  ///< Of those who were admitted.
    std::unique_ptr<Parked> parked{};
    Instant due{};  ///< When they asked for what they wait for.
    Instant answered{};
    double cpu_s = 0;
    std::uint32_t requests_left = 0;
    std::uint16_t entry = 0;         ///< The member that the balancer chose.
    std::uint16_t server = 0;        ///< The one that serves, or was chosen to.
    std::uint16_t where = kNowhere;  ///< The member where work of theirs waits, or they do.
    bool bounced = false;            ///< A member they were passed on to was not there.
    bool no_room = false;            ///< There was none at the entry, so another member was looked for.
    bool asking = false;             ///< A request is being worked on.
    bool first_answered = false;
    bool lost = false;  ///< Together with a member; ends at the next occasion.
    bool relayed() const noexcept { return entry != server; }
  };
  enum class Happening : std::uint8_t {
    arrival,
    reach,   ///< A relayed newcomer comes to its server.
    bounce,  ///< Nobody was there.
    ask,     ///< A client's pause is over.
    hop,     ///< A relayed request comes to its server.
    cpu_done,
    poll,
    control,
    heartbeat,
    digest,  ///< A member's digest arrives everywhere.
    fault,
    second
  };
  struct Event {
    Happening happening = Happening::second;
    std::uint16_t member = 0;
    std::uint32_t index = 0;  ///< Visitor, CPU or fault.
  };

  // cluster_simulation.cpp: time
  void handle(const Event& event);
  void start();
  void schedule_arrival();
  void heartbeat(std::uint16_t member);
  void deliver_digest(std::uint16_t member);
  void control(std::uint16_t member);
  void poll(std::uint16_t member);
  void strike(const Fault& fault);
  void end_second();
  void finish_result();
  double seconds_until(Instant at) const noexcept {
    return std::chrono::duration<double>(at - start_).count();
  }
  Instant instant(double t) const noexcept;
  bool measuring() const noexcept { return seconds_until(now_) > scenario_.each.warmup_s; }
  void later(double seconds, Event event);
  bool linked(std::uint16_t a, std::uint16_t b) const noexcept;

  // cluster_visit.cpp: what becomes of a visitor
  void arrive();
  std::uint16_t balance(Random& random);
  void submit(std::uint16_t member, std::uint32_t visitor, Work work, bool behind = false);
  void dispatch(std::uint16_t member);
  Begun begin(std::uint16_t member, const Job& job);
  Begun begin_hello(std::uint16_t member, std::uint32_t visitor);
  bool pass_on(std::uint16_t member, std::uint32_t visitor, bool no_room);
  void finish(std::uint16_t member, const Job& job, const Begun& begun);
  void account(ClusterMember& member, const Begun& begun);
  void set_out(std::uint32_t visitor);
  void reach(std::uint32_t visitor);
  void ask(std::uint32_t visitor);
  void answer(std::uint32_t visitor);
  void set_asking(Visitor& visitor, bool asking) noexcept;
  void turn_away(std::uint32_t visitor);
  bool admit(std::uint16_t member, std::uint32_t visitor);
  void grant(std::uint16_t member, std::uint32_t visitor);
  void end_visit(std::uint32_t visitor, Fate fate);
  void end_lost(std::uint32_t visitor);
  void in_vain(std::uint16_t from, std::uint16_t to);
  bool gone(const Visitor& visitor) const noexcept;
  void count(Fate fate) noexcept;
  /// CPU of the relaying member for a request, and for setting out.
  double relay_part_s() const noexcept {
    return scenario_.relay_s / (1 + scenario_.each.visitors.requests.mean);
  }

  const ClusterScenario scenario_;
  const Instant start_;
  Instant now_;
  EventQueue<Event> events_;
  std::vector<std::unique_ptr<ClusterMember>> members_;
  std::vector<std::uint16_t> by_number_;  // members, in the order of their numbers
  std::vector<std::uint16_t> living_;     // for the balancer
  std::uint16_t next_ = 0;
  std::deque<Visitor> visitors_;
  std::vector<std::uint32_t> visitors_free_;
  Random random_, network_;
  ClusterSecond second_{};
  Histogram second_responses_;
  ClusterResult result_;
};

}  // namespace sluice::tools
