#include "loadgen/model/script.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <optional>
#include <utility>

#include "loadgen/error.hpp"
#include "loadgen/model/history.hpp"
#include "loadgen/words.hpp"

namespace sluice::loadgen {

namespace {

constexpr double kRequestsMax = 1e6;

/// RUBiS' walk; the rules are at ScriptSource.
class Walk final : public Script {
 public:
  Walk(const ScriptSource& source, Random& random) : source_(source), left_(source.length.draw(random)) {
    shopper_.id = random.below(std::max(source.shop.users, 1U));
  }

  Action first(Random& random) override { return request(0, {}, {}, random); }

  Action next(const Reply& reply, Random& random) override {
    if (left_ == 0) return {.end = true};
    const bool marks = source_.reads_pages();
    const PageFacts facts = reply.good && marks ? reply.facts : PageFacts{};
    if (!reply.good || facts.error) return request(0, think(table().wait(0), random), {}, random);

    const auto choice = table().next(state_, random.unit());
    switch (choice.kind) {
      case Transitions::Choice::Kind::end: return {.end = true};
      case Transitions::Choice::Kind::back:
        return request(history_.pop(), think(choice.wait, random), facts, random);
      case Transitions::Choice::Kind::state: break;
    }
    if (table().can_go_back(choice.state)) {
      history_.push(state_);
    } else {
      history_.clear();
    }
    return request(choice.state, think(choice.wait, random), facts, random);
  }

 private:
  const Transitions& table() const noexcept { return *source_.transitions; }

  std::chrono::nanoseconds think(std::chrono::milliseconds wait, Random& random) const noexcept {
    return source_.think.draw(wait, random);
  }

  /// Enters `chosen`, or what stepping back leads to.
  Action request(std::uint16_t chosen, std::chrono::nanoseconds think, const PageFacts& facts,
                 Random& random) {
    --left_;
    Action action{.state = chosen, .think = think};
    for (state_ = chosen;; state_ = history_.pop()) {
      if (facts.sorry) state_ = history_.pop();
      if (auto target = target_of(state_, facts, random)) {
        action.target = std::move(*target);
        return action;
      }
    }
  }

  /// None where RUBiS steps back; never none in state 0, where stepping back ends.
  std::optional<std::string> target_of(std::uint16_t state, const PageFacts& facts, Random& random) {
    const auto interaction = table().interaction(state);
    if (!interaction) return table().names()[state];
    auto target = request_for(*interaction, facts, source_.shop, shopper_, random);
    if (!target && state == 0) return request_for(Interaction::home, facts, source_.shop, shopper_, random);
    return target;
  }

  const ScriptSource& source_;
  Shopper shopper_;
  History history_;
  std::uint32_t left_;  // requests
  std::uint16_t state_ = 0;
};

/// The paths in turn, each a state.
class Round final : public Script {
 public:
  Round(const ScriptSource& source, Random& random) : source_(source) {
    if (!source.length.of_model()) left_ = source.length.draw(random);
  }

  Action first(Random&) override { return request({}); }

  Action next(const Reply&, Random& random) override {
    if (left_ == 0) return {.end = true};
    return request(source_.think.draw({}, random));
  }

 private:
  Action request(std::chrono::nanoseconds think) {
    if (left_) --*left_;
    const auto turn = turn_;
    turn_ = (turn_ + 1) % source_.paths.size();
    return {.state = static_cast<std::uint16_t>(turn), .target = source_.paths[turn], .think = think};
  }

  const ScriptSource& source_;
  std::optional<std::uint32_t> left_;  // requests; none: without end
  std::size_t turn_ = 0;
};

double parse_count(std::string_view digits, std::string_view text) {
  const auto value = parse_number(digits);
  if (!value || !(*value >= 1 && *value <= kRequestsMax))
    throw UsageError("session length '" + std::string{text.substr(0, 80)} +
                     "' is none of model, 15, geom:15 (1 to 1000000 requests)");
  return *value;
}

}  // namespace

SessionLength SessionLength::parse(std::string_view text) {
  constexpr std::string_view kGeometric = "geom:";
  SessionLength length;
  length.text_ = text;
  if (text == "model") return length;
  const bool geometric = text.starts_with(kGeometric);
  length.kind_ = geometric ? Kind::geometric : Kind::fixed;
  length.value_ = parse_count(geometric ? text.substr(kGeometric.size()) : text, text);
  if (!geometric && length.value_ != std::floor(length.value_)) parse_count({}, text);
  return length;
}

std::uint32_t SessionLength::draw(Random& random) const noexcept {
  if (kind_ != Kind::geometric || value_ == 1) return static_cast<std::uint32_t>(value_);
  // The exponential, cut to whole numbers, is geometric; this rate gives it the mean value_ - 1.
  const double rate = -std::log1p(-1 / value_);
  return static_cast<std::uint32_t>(std::min(kRequestsMax, 1 + std::floor(random.exponential() / rate)));
}

std::vector<std::string> ScriptSource::states() const { return transitions ? transitions->names() : paths; }

std::unique_ptr<Script> ScriptSource::session(Random& random) const {
  if (transitions) return std::make_unique<Walk>(*this, random);
  assert(!paths.empty());
  return std::make_unique<Round>(*this, random);
}

}  // namespace sluice::loadgen
