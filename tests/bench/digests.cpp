// What a heartbeat takes of the CPU without its sockets and TLS: a digest written once, read from each other
// member and kept, and the placement brought up to date. Prints thread CPU time by the number of members;
// mesh.py measures the rest.
#include <ctime>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "cluster/members.hpp"
#include "cluster/placement.hpp"
#include "cluster/protocol.hpp"

namespace {

using namespace sluice;
using namespace sluice::cluster;

double cpu_now_us() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

Hello hello_of(int number) {
  return {.name = "member-" + std::to_string(number), .address = "10.0.0.1:7946", .incarnation = 1};
}

Digest digest_of(int number) {
  const auto some = static_cast<std::uint32_t>(number);
  return {.policy = "session-budget",
          .cpus_milli = 2000,
          .idle_milli = 200 + some,
          .spare_milli = some % 4 == 0 ? 0U : 100'000U};
}

struct Cost {
  double digest_us = 0;     ///< Read and kept; a member does it twice for each other one, with the answers.
  double placement_us = 0;  ///< A heartbeat's.
  double choice_us = 0;     ///< Of a place for a newcomer.
};

Cost measure(int count) {
  constexpr int kBeats = 200;
  Members members{hello_of(0)};
  Placement placement{1};
  Monotonic::time_point now{std::chrono::hours{1}};
  for (int i = 1; i < count; ++i) members.hello(hello_of(i), now);
  std::vector<Hello> hellos;
  std::vector<tls::SecretBuffer> said;
  for (int i = 1; i < count; ++i) {
    hellos.push_back(hello_of(i));
    append(digest_of(i), said.emplace_back());
  }
  Cost cost;
  int choices = 0;
  for (int beat = 0; beat < kBeats; ++beat) {
    now += Members::kHeartbeat;
    const double began = cpu_now_us();
    for (std::size_t i = 0; i < said.size(); ++i) {
      Inbox inbox;
      inbox.add(said[i]);
      const auto message = inbox.next();
      members.digest(hellos[i], std::get<Digest>(**message), now);
    }
    const double heard = cpu_now_us();
    placement.update(digest_of(0), members.others());
    members.tick(now);
    const double placed = cpu_now_us();
    int here = 0;
    while (here < 100 && placement.choose(true)) ++here;
    cost.choice_us += cpu_now_us() - placed;
    cost.digest_us += heard - began;
    cost.placement_us += placed - heard;
    choices += here;
  }
  cost.digest_us /= kBeats * static_cast<double>(said.size());
  cost.placement_us /= kBeats;
  cost.choice_us /= std::max(1, choices);
  return cost;
}

}  // namespace

int main() {
  std::printf("  members  digest us  placement us  choice us\n");
  for (const int count : {3, 16, 64, 128, 256, 512}) {
    const Cost cost = measure(count);
    std::printf("  %7d %10.2f %13.2f %10.3f\n", count, cost.digest_us, cost.placement_us, cost.choice_us);
  }
}
