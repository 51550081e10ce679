#include "cluster/handover.hpp"

#include <gtest/gtest.h>

#include "tests/unit/cluster/handover_model.hpp"

namespace sluice::cluster {
namespace {

using namespace model;
using SourcePhase = HandoverSource::Phase;
using TargetPhase = HandoverTarget::Phase;
using Time = Bounds::Time;

// The tables: what each word does in each phase. --------------------------------------------------------

HandoverSource source_in(SourcePhase phase) {
  HandoverSource source;
  if (phase == SourcePhase::kept) source.keep();
  if (phase == SourcePhase::asked || phase == SourcePhase::kept) return source;
  source.prepared();
  if (phase == SourcePhase::prepared) return source;
  source.offer();
  if (phase == SourcePhase::offered) return source;
  source.ready();
  if (phase == SourcePhase::given) source.give();
  return source;
}

HandoverTarget target_in(TargetPhase phase) {
  HandoverTarget target;
  if (phase == TargetPhase::gone) target.give_up();
  if (phase == TargetPhase::prepared || phase == TargetPhase::gone) return target;
  target.state();
  if (phase == TargetPhase::restoring) return target;
  target.restored();
  if (phase == TargetPhase::owner) target.commit();
  return target;
}

template <class Machine, class Phase>
struct WordCase {
  const char* name;
  bool (Machine::*word)() noexcept;
  std::vector<Phase> from;  ///< In which it does something.
  Phase to;
};

template <class Machine, class Phase, class InPhase>
void expect_only(const WordCase<Machine, Phase>& word, Phase last, InPhase in_phase) {
  for (int i = 0; i <= static_cast<int>(last); ++i) {
    const auto phase = static_cast<Phase>(i);
    Machine machine = in_phase(phase);
    const bool does = std::ranges::find(word.from, phase) != word.from.end();
    EXPECT_EQ((machine.*word.word)(), does) << word.name << " in phase " << i;
    EXPECT_EQ(machine.phase(), does ? word.to : phase) << word.name << " in phase " << i;
  }
}

TEST(HandoverSource, DoesWhatItsPhaseAllows) {
  using P = SourcePhase;
  const WordCase<HandoverSource, P> words[]{
      {"prepared", &HandoverSource::prepared, {P::asked}, P::prepared},
      {"ready", &HandoverSource::ready, {P::offered}, P::ready},
      {"keep", &HandoverSource::keep, {P::asked, P::prepared, P::offered, P::kept}, P::kept},
      {"stay", &HandoverSource::stay, {P::asked, P::prepared, P::offered, P::ready, P::kept}, P::kept}};
  for (const auto& word : words) expect_only(word, P::kept, source_in);
}

TEST(HandoverTarget, DoesWhatItsPhaseAllows) {
  using P = TargetPhase;
  const WordCase<HandoverTarget, P> words[]{
      {"state", &HandoverTarget::state, {P::prepared}, P::restoring},
      {"restored", &HandoverTarget::restored, {P::restoring}, P::ready},
      {"commit", &HandoverTarget::commit, {P::ready}, P::owner},
      {"give up", &HandoverTarget::give_up, {P::prepared, P::restoring, P::ready, P::gone}, P::gone}};
  for (const auto& word : words) expect_only(word, P::gone, target_in);
}

TEST(HandoverSourceDeath, OnlyBugsOfferOrGiveOutOfTurn) {
  for (int i = 0; i <= static_cast<int>(SourcePhase::kept); ++i) {
    const auto phase = static_cast<SourcePhase>(i);
    if (phase != SourcePhase::prepared) {
      EXPECT_DEATH(source_in(phase).offer(), "not prepared") << i;
    }
    if (phase != SourcePhase::ready) {
      EXPECT_DEATH(source_in(phase).give(), "not ready") << i;
    }
  }
}

TEST(HandoverBook, BeginsEachOnce) {
  HandoverBook book;
  EXPECT_TRUE(book.begin(1, 10, 1));
  EXPECT_FALSE(book.begin(1, 10, 1));
  EXPECT_TRUE(book.begin(2, 10, 1)) << "another member's";
  EXPECT_TRUE(book.begin(1, 10, 3)) << "one went to somebody else";
  EXPECT_TRUE(book.begin(1, 10, 2)) << "out of order";
  EXPECT_FALSE(book.begin(1, 10, 2));
  EXPECT_FALSE(book.begin(1, 10, 0)) << "no number";
}

TEST(HandoverBook, AnEarlierProcessBeginsNothing) {
  HandoverBook book;
  EXPECT_TRUE(book.begin(1, 10, 7));
  EXPECT_TRUE(book.begin(1, 11, 7)) << "it counts anew";
  EXPECT_FALSE(book.begin(1, 10, 8));
  EXPECT_FALSE(book.begin(1, 11, 7));
}

TEST(HandoverBook, IsBounded) {
  HandoverBook book;
  constexpr HandoverId kFar = 1'000'000;
  EXPECT_TRUE(book.begin(1, 10, kFar));
  EXPECT_FALSE(book.begin(1, 10, kFar - HandoverBook::kWindow));
  EXPECT_TRUE(book.begin(1, 10, kFar - HandoverBook::kWindow + 1));
  EXPECT_TRUE(book.begin(1, 10, kFar + 1));
  EXPECT_FALSE(book.begin(1, 10, kFar - HandoverBook::kWindow + 1)) << "begun, and too old by now";
}

// All ways in which it can go. --------------------------------------------------------------------------

template <class R>
const char* anything(const World<R>&) {
  return nullptr;
}

/// Where nothing goes wrong but what a target may do: there at the end, or, refused, where it was.
template <class R>
const char* somebody_has_it(const World<R>& end) {
  return end.holders(0) == 1 ? nullptr : "nobody has it";
}

/// Nobody died: a connection is closed only because its COMMIT did not arrive.
template <class R>
const char* closed_for_a_reason(const World<R>& end) {
  if (end.holders(0) == 1) return nullptr;
  return end.commit_lost ? nullptr : "it was closed for nothing";
}

template <class R>
const char* refused_and_kept(const World<R>& end) {
  return end.refused && end.holders(0) == 0 ? "it was refused, and not kept" : nullptr;
}

template <class R = Rules>
auto explore(const Bounds& bounds, typename Explorer<R>::Check check = anything<R>) {
  auto outcome = Explorer<R>{}.explore(bounds, check);
  testing::Test::RecordProperty("worlds", std::to_string(outcome.worlds));
  return outcome;
}

TEST(Handover, ArrivesWhereNothingGoesWrong) {
  const auto outcome = explore({.handovers = 3}, somebody_has_it<Rules>);
  EXPECT_EQ(outcome.wrong, "");
  EXPECT_EQ(outcome.closed, 0U);
}

TEST(Handover, KeepsTheConnectionWhereItIsRefusedOrStays) {
  const auto outcome = explore({.handovers = 3, .refusals = true, .stays = true}, somebody_has_it<Rules>);
  EXPECT_EQ(outcome.wrong, "");
}

TEST(Handover, KeepsWhatIsRefusedWhateverIsLost) {
  const auto outcome =
      explore({.lost = 2, .doubled = 2, .time = Time::up_anytime, .refusals = true}, refused_and_kept<Rules>);
  EXPECT_EQ(outcome.wrong, "");
}

/// Patience ends only where nothing else can happen, and the source's before the target's.
TEST(Handover, ClosesAConnectionOnlyIfItsCommitIsLost) {
  const auto outcome = explore(
      {.handovers = 2, .lost = 3, .doubled = 0, .time = Time::up_if_idle, .refusals = true, .stays = true},
      closed_for_a_reason<Rules>);
  EXPECT_EQ(outcome.wrong, "");
  EXPECT_GT(outcome.closed, 0U) << "a lost COMMIT has to be among them";
}

struct AnyCase {
  const char* name;
  Bounds bounds;
};
class Any : public testing::TestWithParam<AnyCase> {};

TEST_P(Any, LeavesOneOwnerOrNoneAndEnds) {
  const auto outcome = explore(GetParam().bounds);
  EXPECT_EQ(outcome.wrong, "");
  EXPECT_GT(outcome.ends, 0U);
}

INSTANTIATE_TEST_SUITE_P(
    Handover, Any,
    testing::Values(AnyCase{"Faults",
                            {.handovers = 1,
                             .lost = 2,
                             .doubled = 3,
                             .time = Time::up_anytime,
                             .refusals = true,
                             .stays = true}},
                    AnyCase{"Deaths", {.handovers = 2, .deaths = 2, .time = Time::up_anytime, .stays = true}},
                    AnyCase{"FaultsAndADeath",
                            {.handovers = 1,
                             .lost = 1,
                             .doubled = 2,
                             .deaths = 1,
                             .time = Time::up_anytime,
                             .refusals = true}},
                    AnyCase{
                        "BackOrAgain",
                        {.handovers = 2, .lost = 1, .doubled = 1, .time = Time::up_anytime, .stays = true}},
                    AnyCase{"BackOrAgainAndADeath",
                            {.handovers = 2, .doubled = 1, .deaths = 1, .time = Time::up_anytime}}),
    [](const auto& test) { return std::string(test.param.name); });

// Machines that are wrong: each is found out. -----------------------------------------------------------

/// One phase: who has a connection takes it for his.
struct OneTooFew : Rules {
  struct Target : HandoverTarget {
    bool restored() noexcept { return HandoverTarget::restored() && HandoverTarget::commit(); }
  };
};

/// A target that hears nothing more takes the source for dead.
struct TakesOver : Rules {
  struct Target : HandoverTarget {
    bool give_up() noexcept {
      return phase() == Phase::ready ? HandoverTarget::commit() : HandoverTarget::give_up();
    }
  };
};

/// A target that has given up lets itself be given the connection all the same.
struct TakesTooLate : Rules {
  struct Target : HandoverTarget {
    Phase phase() const noexcept { return late_ ? Phase::owner : HandoverTarget::phase(); }
    bool commit() noexcept {
      late_ = HandoverTarget::phase() == Phase::gone;
      return late_ || HandoverTarget::commit();
    }
    bool late_ = false;
  };
};

/// A book that does not know what it has read.
struct Forgets : Rules {
  struct Book {
    bool begin(tls::MemberNumber, std::uint64_t, HandoverId) noexcept { return true; }
  };
};

/// Hand-overs of an earlier process are taken for the later one's.
struct MixesLives : Rules {
  static constexpr bool kTellsLives = false;
};

/// A source that does not wait for READY.
struct GivesUnasked : Rules {
  struct Source : HandoverSource {
    void offer() {
      HandoverSource::offer();
      HandoverSource::ready();
    }
  };
};

/// A source that says it has given before it has.
struct CommitsFirst : Rules {
  static constexpr bool kWipesFirst = false;
};

/// A source that changes its mind while its keys are wiped.
struct ChangesItsMind : Rules {
  struct Source : HandoverSource {
    bool keep() noexcept { return stay(); }
  };
};

constexpr Bounds kFaults{.lost = 1, .doubled = 3, .time = Time::up_anytime};
constexpr Bounds kDeaths{.handovers = 2, .deaths = 1, .time = Time::up_anytime};

template <class R>
void expect_found_out(const Bounds& bounds, const std::string& wrong,
                      typename Explorer<R>::Check check = anything<R>) {
  const auto outcome = explore<R>(bounds, check);
  EXPECT_EQ(outcome.wrong.substr(0, outcome.wrong.find(':')), wrong) << outcome.wrong;
}

TEST(WrongHandover, IsFoundOut) {
  expect_found_out<OneTooFew>(kFaults, "two can send with the same keys");
  expect_found_out<TakesOver>(kFaults, "two can send with the same keys");
  expect_found_out<TakesTooLate>(kFaults, "it owns a connection of which it has nothing");
  expect_found_out<Forgets>(kFaults, "it would use sequence numbers twice");
  expect_found_out<MixesLives>(kDeaths, "it would use sequence numbers twice");
  expect_found_out<GivesUnasked>({.time = Time::up_if_idle}, "it was closed for nothing",
                                 closed_for_a_reason<GivesUnasked>);
  expect_found_out<GivesUnasked>({.time = Time::up_if_idle, .refusals = true}, "it was refused, and not kept",
                                 refused_and_kept<GivesUnasked>);
  expect_found_out<CommitsFirst>({}, "two can send with the same keys");
  expect_found_out<ChangesItsMind>(kFaults, "it was kept without its keys");
}

}  // namespace
}  // namespace sluice::cluster
