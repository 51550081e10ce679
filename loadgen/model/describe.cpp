#include "loadgen/model/describe.hpp"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <numeric>

#include "loadgen/model/script.hpp"

namespace sluice::loadgen {

Mix simulate(const Transitions& transitions, std::uint64_t requests, std::uint64_t seed) {
  ScriptSource source;
  source.transitions = std::make_shared<const Transitions>(transitions);
  source.think = Think::parse("table");
  Reply page{.good = true, .facts = {}};
  page.facts.item_id = page.facts.user_id = page.facts.to = page.facts.to_value = 1;
  page.facts.max_qty = 1;
  page.facts.min_bid = 1;

  std::vector<std::uint64_t> counts(transitions.size());
  std::uint64_t made = 0, sessions = 0;
  std::chrono::duration<double> waits{};
  for (; made < requests; ++sessions) {
    auto random = Random::stream(seed, sessions);
    const auto session = source.session(random);
    for (auto action = session->first(random); !action.end; action = session->next(page, random)) {
      ++counts[action.state];
      ++made;
      waits += action.think;
    }
  }
  Mix mix;
  for (const auto count : counts)
    mix.shares.push_back(static_cast<double>(count) / static_cast<double>(made));
  mix.requests_per_session = static_cast<double>(made) / static_cast<double>(sessions);
  if (made > sessions) mix.mean_wait_s = waits.count() / static_cast<double>(made - sessions);
  mix.sessions = sessions;
  return mix;
}

std::string describe(const Transitions& transitions, std::uint64_t seed) {
  const Mix mix = simulate(transitions, 100'000, seed);
  std::vector<std::size_t> order(mix.shares.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return mix.shares[a] > mix.shares[b]; });
  std::string text = "model " + transitions.name() + "\n";
  char line[96];
  for (const auto state : order) {
    if (mix.shares[state] == 0) break;
    std::snprintf(line, sizeof line, "  %6.2f %%  ", 100 * mix.shares[state]);
    text.append(line).append(transitions.names()[state]).append("\n");
  }
  std::snprintf(line, sizeof line, "%.1f requests per session, %.1f s between them by the table\n",
                mix.requests_per_session, mix.mean_wait_s);
  return text += line;
}

}  // namespace sluice::loadgen
