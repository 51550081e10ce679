#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loadgen/model/history.hpp"
#include "loadgen/model/script.hpp"

namespace sluice::loadgen {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

const std::string kHome = "/rubis_servlets/index.html";
const std::string kServlet = "/rubis_servlets/servlet/edu.rice.rubis.servlets.";
constexpr std::string_view kWait = ",transition_waiting_time_ms\n";

/// One session over a table given as CSV. Columns with a single 1 make it certain what comes.
class Session {
 public:
  explicit Session(const std::string& table, const std::string& length = "model") {
    source_.transitions = std::make_shared<Transitions>(Transitions::parse(table, "table"));
    source_.think = Think::parse("table");
    source_.length = SessionLength::parse(length);
    script_ = source_.session(random_);
  }

  Action first() { return script_->first(random_); }
  Action next(const PageFacts& facts = {}) { return script_->next({.good = true, .facts = facts}, random_); }
  Action fail() { return script_->next({}, random_); }
  std::string name(const Action& action) const { return source_.states()[action.state]; }

 private:
  Random random_{1};
  ScriptSource source_;
  std::unique_ptr<Script> script_;
};

PageFacts with_item() {
  PageFacts facts;
  facts.item_id = 5;
  return facts;
}
PageFacts sorry() {
  PageFacts facts;
  facts.sorry = true;
  return facts;
}
PageFacts error() {
  PageFacts facts;
  facts.error = true;
  return facts;
}

// Home -> Browse -> ViewItem -> Back (there is a way to Back from ViewItem only).
const std::string kBackTable = std::string{"x,Home,Browse,ViewItem"} + std::string{kWait} +
                               "Home,0,0,0,1000\nBrowse,1,0,0,2000\nViewItem,0,1,0,3000\nBack,0,0,1,4000\n";

TEST(Walk, StartsAtHomeAtOnceAndThinksBeforeEverythingElse) {
  Session session{kBackTable};
  const auto home = session.first();
  EXPECT_EQ(home.target, kHome);
  EXPECT_EQ(home.think, 0s);
  EXPECT_FALSE(home.end);
  const auto browse = session.next();
  EXPECT_EQ(browse.target, "/rubis_servlets/browse.html");
  EXPECT_EQ(browse.think, 2s);
}

TEST(Walk, GoesBackWithTheWaitOfThatRow) {
  Session session{kBackTable};
  session.first();
  session.next();
  EXPECT_EQ(session.next(with_item()).target, kServlet + "ViewItem?itemId=5");
  const auto back = session.next();
  EXPECT_EQ(back.target, "/rubis_servlets/browse.html");
  EXPECT_EQ(session.name(back), "Browse") << "booked as what it is";
  EXPECT_EQ(back.think, 4s);
  EXPECT_EQ(session.name(session.next(with_item())), "ViewItem") << "goes on from where it came back to";
}

TEST(Walk, GoesHomeWhereNothingIsLeftToGoBackTo) {
  Session session{std::string{"x,Home"} + std::string{kWait} + "Home,0,1000\nBack,1,4000\n"};
  session.first();
  EXPECT_EQ(session.next().target, kHome);
  EXPECT_EQ(session.next().think, 4s);
}

TEST(Walk, ForgetsItsHistoryWhereThereIsNoWayBack) {
  // Home -> Register -> ViewItem -> Browse -> Sell; only ViewItem has a way back, and Browse forgets it.
  Session session{std::string{"x,Home,Register,ViewItem,Browse,Sell"} + std::string{kWait} +
                  "Home,0,0,0,0,0,1\nRegister,1,0,0,0,0,1\nViewItem,0,1,0,0,0,1\nBrowse,0,0,1,0,0,1\n"
                  "Sell,0,0,0,1,0,1\nBack,0,0,0.1,0,0,1\n"};
  session.first();
  session.next();
  EXPECT_EQ(session.name(session.next(with_item())), "ViewItem");
  session.next();
  const auto action = session.next(sorry());
  EXPECT_EQ(session.name(action), "Sell");
  EXPECT_EQ(action.target, kHome) << "not Register, which was before ViewItem";
}

TEST(Walk, RequestsTheStateBeforeAfterSorryButBooksTheChosenOne) {
  Session session{kBackTable};
  session.first();
  session.next();
  const auto action = session.next(sorry());
  EXPECT_EQ(action.target, "/rubis_servlets/browse.html");
  EXPECT_EQ(session.name(action), "ViewItem");
  EXPECT_EQ(action.think, 3s);
  EXPECT_EQ(session.name(session.next(with_item())), "ViewItem") << "it is at Browse now";
}

TEST(Walk, GoesHomeAfterSorryWithoutAHistory) {
  Session session{kBackTable};
  session.first();
  const auto action = session.next(sorry());
  EXPECT_EQ(action.target, kHome);
  EXPECT_EQ(session.name(action), "Browse");
  EXPECT_EQ(session.name(session.next()), "Browse") << "it is at Home now";
}

TEST(Walk, StepsBackWithoutAnItem) {
  Session session{kBackTable};
  session.first();
  session.next();
  const auto action = session.next();
  EXPECT_EQ(action.target, "/rubis_servlets/browse.html");
  EXPECT_EQ(session.name(action), "ViewItem");
}

TEST(Walk, EndsSteppingBackAtTheHomePageEvenWhenSessionsStartElsewhere) {
  Session session{std::string{"x,ViewItem"} + std::string{kWait} + "ViewItem,1,1\n"};
  EXPECT_EQ(session.first().target, kHome);
  EXPECT_EQ(session.next(sorry()).target, kHome);
  EXPECT_EQ(session.next(with_item()).target, kServlet + "ViewItem?itemId=5");
}

TEST(Walk, GoesHomeAfterAnErrorOrAFailure) {
  for (const bool failed : {false, true}) {
    Session session{kBackTable};
    session.first();
    session.next();
    const auto home = failed ? session.fail() : session.next(error());
    EXPECT_EQ(home.target, kHome);
    EXPECT_EQ(session.name(home), "Home");
    EXPECT_EQ(home.think, 1s);
    EXPECT_EQ(session.name(session.next()), "Browse") << "and on from there";
  }
}

TEST(Walk, KeepsItsHistoryAfterAnError) {
  // From Home to /a, or back; from /a to /b. Back is told by its wait of 4 s.
  int backs = 0;
  Session session{std::string{"x,Home,/a,/b"} + std::string{kWait} +
                  "Home,0,0,0,1\n/a,0.5,0,0,1\n/b,0,1,1,1\nBack,0.5,0.1,0.1,4000\n"};
  session.first();
  for (int i = 0; i < 100; ++i) {
    while (session.name(session.next()) != "/b") continue;
    session.next(error());
    const auto action = session.next();
    if (action.think != 4s) continue;
    ++backs;
    EXPECT_EQ(session.name(action), "/a") << "where it was before /b";
  }
  EXPECT_GT(backs, 10);
}

TEST(Walk, EndsWithEndOfSessionOrItsLength) {
  Session ends{std::string{"x,Home"} + std::string{kWait} + "Home,0,1\nEndOfSession,1,0\n"};
  EXPECT_FALSE(ends.first().end);
  EXPECT_TRUE(ends.next().end);

  const std::string endless = std::string{"x,Home"} + std::string{kWait} + "Home,1,1\n";
  for (const auto& [length, requests] : {std::pair{"model", 1000}, {"15", 15}, {"2500", 2500}}) {
    Session session{endless, length};
    int made = 0;
    for (auto action = session.first(); !action.end; action = session.next()) ++made;
    EXPECT_EQ(made, requests) << length;
  }
}

TEST(History, ForgetsTheOldestBeyondAThousand) {
  History history;
  history.push(7);
  history.push(8);
  for (std::size_t i = 1; i < History::kMost; ++i) history.push(255);
  for (std::size_t i = 1; i < History::kMost; ++i) ASSERT_EQ(history.pop(), 255);
  EXPECT_EQ(history.pop(), 8);
  EXPECT_EQ(history.pop(), 0) << "7 is forgotten";
}

TEST(Walk, RequestsPathsAndIgnoresTheMarksOfOtherSites) {
  Session session{std::string{"x,/,/cart?a=1"} + std::string{kWait} + "/cart?a=1,1,0,1\n/,0,1,1\n"};
  EXPECT_EQ(session.first().target, "/");
  EXPECT_EQ(session.next(sorry()).target, "/cart?a=1");
  EXPECT_EQ(session.next(error()).target, "/");
  EXPECT_EQ(session.next().target, "/cart?a=1");
  EXPECT_EQ(session.fail().target, "/") << "a failure goes to where sessions start";
}

TEST(Walk, IsOfOneUserOfTheShop) {
  ScriptSource source;
  source.transitions = std::make_shared<Transitions>(
      Transitions::parse(std::string{"x,AboutMe"} + std::string{kWait} + "AboutMe,1,1\n", "m"));
  source.shop.users = 3;
  std::set<std::string> targets;
  Random random{1};
  for (int i = 0; i < 100; ++i) {
    const auto session = source.session(random);
    const auto target = session->first(random).target;
    targets.insert(target);
    EXPECT_EQ(session->next({.good = true, .facts = {}}, random).target, target)
        << "the same all session long";
  }
  EXPECT_THAT(targets, ElementsAre(kServlet + "AboutMe?nickname=user1&password=password1",
                                   kServlet + "AboutMe?nickname=user2&password=password2",
                                   kServlet + "AboutMe?nickname=user3&password=password3"));
}

TEST(Walk, RepeatsWithItsSeed) {
  ScriptSource source;
  source.transitions = std::make_shared<Transitions>(Transitions::load("default"));
  const auto walk = [&](std::uint64_t seed) {
    auto random = Random::stream(seed, 0);
    const auto session = source.session(random);
    std::vector<std::string> targets;
    for (auto action = session->first(random); !action.end && targets.size() < 50;
         action = session->next({.good = true, .facts = with_item()}, random))
      targets.push_back(action.target + " " + std::to_string(action.think.count()));
    return targets;
  };
  EXPECT_EQ(walk(1), walk(1));
  EXPECT_NE(walk(1), walk(2));
}

TEST(Paths, AreTakenInTurnWithoutEnd) {
  ScriptSource source;
  source.paths = {"/a", "/b"};
  source.think = Think::parse("const:1s");
  EXPECT_EQ(source.states(), source.paths);
  EXPECT_FALSE(source.reads_pages());
  Random random{1};
  const auto session = source.session(random);
  EXPECT_EQ(session->first(random).think, 0s);
  for (int i = 1; i < 2500; ++i) {
    const auto action = session->next({.good = i % 3 > 0, .facts = sorry()}, random);
    ASSERT_FALSE(action.end);
    ASSERT_EQ(action.state, i % 2);
    ASSERT_EQ(action.target, source.paths[action.state]);
    ASSERT_EQ(action.think, 1s);
  }
}

TEST(Paths, EndWithTheSessionsLength) {
  ScriptSource source;
  source.paths = {"/a"};
  source.length = SessionLength::parse("2");
  Random random{1};
  const auto session = source.session(random);
  EXPECT_FALSE(session->first(random).end);
  EXPECT_FALSE(session->next({}, random).end);
  EXPECT_TRUE(session->next({}, random).end);
}

}  // namespace
}  // namespace sluice::loadgen
