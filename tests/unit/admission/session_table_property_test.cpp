#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "admission/session_table.hpp"

/// What holds of the session table whatever is done to it.
namespace sluice::admission {
namespace {

using namespace std::chrono_literals;
using Resumption = SessionTable::Resumption;

constexpr WallSeconds kWall{1'700'000'000s};

SessionRecord record_of(std::uint64_t number) { return {.id = {7, number}, .admitted_at = kWall}; }

/// Random visits against a list of what each did last. Who was seen within the horizon is live, who was not
/// for the horizon and a turn is not, and what began less what departed is live.
class Model {
 public:
  explicit Model(unsigned seed) : random_{seed}, visits_(kVisits) {}

  void step() {
    Visit& visit = visits_[random_() % kVisits];
    const auto number = static_cast<std::uint64_t>(&visit - visits_.data());
    switch (random_() % 12) {
      case 0:
      case 1: now_ += std::chrono::milliseconds{random_() % 100}; return tick();
      case 2:
        if (!visit.session) visit = {.session = table_.begin(record_of(number), now_), .seen = now_};
        return;
      case 3:
        if (visit.session && random_() % 20 == 0) table_.cancel(*visit.session), visit.gone = true;
        return;
      case 4:
        if (visit.session) table_.leave(*visit.session, now_), visit.left = true;
        return;
      case 5:
        if (random_() % 200 == 0) table_.shed(random_() % 4, now_);
        return;
      case 6:
        if (visit.session && visit.gone) visit = {};  // its id is not used again while it is known
        return;
      case 7: return resume(visit, number);
      default:
        if (!visit.session || random_() % 4 == 0) return;
        table_.seen(*visit.session, now_);
        visit.seen = now_, visit.left = false;
    }
  }

  void check() {
    std::size_t least = 0, most = 0;
    for (const Visit& visit : visits_) {
      if (!visit.session || visit.gone || visit.session->shed()) continue;
      if (visit.seen + kHorizon > now_ && !visit.left) ++least;
      if (visit.seen + kHorizon + 1200ms > now_ || visit.left) ++most;
    }
    ASSERT_LE(least, table_.live());
    ASSERT_LE(table_.live(), most);
    tick();
    ASSERT_EQ(begun_ - departed_, static_cast<std::int64_t>(table_.live()));
  }

 private:
  static constexpr std::size_t kVisits = 100;
  static constexpr auto kHorizon = 4s;
  struct Visit {
    SessionPtr session{};
    Instant seen{};
    bool left = false, gone = false;
  };

  void tick() {
    const auto change = table_.tick(now_, kHorizon);
    begun_ += static_cast<std::int64_t>(change.begun);
    departed_ += change.departed;
  }

  void resume(Visit& visit, std::uint64_t number) {
    const auto resumed = table_.resume(record_of(number), now_, kWall);
    if (resumed.result == Resumption::in_session) visit = {.session = resumed.session, .seen = now_};
  }

  std::mt19937 random_;
  SessionTable table_{};
  Instant now_{1h};
  std::int64_t begun_ = 0, departed_ = 0;
  std::vector<Visit> visits_;
};

TEST(SessionsProperty, AgreeWithANaiveModel) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    Model model{seed};
    for (int step = 0; step < 5000; ++step) {
      model.step();
      SCOPED_TRACE("seed " + std::to_string(seed) + ", step " + std::to_string(step));
      ASSERT_NO_FATAL_FAILURE(model.check());
    }
  }
}

/// What four processors do to the same sessions at once; ThreadSanitizer looks on.
void visit_at_random(SessionTable& table, unsigned seed, Instant start) {
  std::mt19937 random{seed};
  std::vector<SessionPtr> mine;
  Instant now = start;
  for (int step = 0; step < 10'000; ++step) {
    now += 1ms;
    const std::uint64_t own = seed * 1'000'000ULL + static_cast<std::uint64_t>(step);
    const auto any = mine.empty() ? nullptr : mine[random() % mine.size()];
    switch (any ? random() % 8 : 0) {
      case 0:
        if (auto session = table.begin(record_of(own), now)) mine.push_back(session);
        break;
      case 1: table.cancel(*any); break;
      case 2: table.leave(*any, now); break;
      case 3: any->protect_until(now + 1s), any->answered(now); break;
      case 4:
        if (auto resumed = table.resume(record_of(random() % 50), now, kWall); resumed.session)
          mine.push_back(resumed.session);
        break;
      default:
        if (!any->shed()) table.seen(*any, now);
    }
    if (mine.size() > 200) mine.erase(mine.begin(), mine.begin() + 100);
  }
}

TEST(SessionsProperty, AddUpAfterManyThreads) {
  SessionTable table{{.sessions = 1600}};
  const Instant start{1h};
  std::vector<std::thread> threads;
  for (unsigned seed = 1; seed <= 4; ++seed)
    threads.emplace_back([&table, seed, start] { visit_at_random(table, seed, start); });
  std::int64_t begun = 0, departed = 0;
  Instant now = start;
  const auto tick = [&] {
    const auto change = table.tick(now, 1s);
    begun += static_cast<std::int64_t>(change.begun);
    departed += change.departed;
  };
  for (int period = 0; period < 200; ++period, now += 50ms) {
    tick();
    table.shed(2, now);
    EXPECT_LE(table.size(), 1600U);
  }
  for (std::thread& thread : threads) thread.join();
  tick();
  EXPECT_EQ(begun - departed, static_cast<std::int64_t>(table.live()));
  now += 1h;
  tick();
  EXPECT_EQ(table.live(), 0U);
  EXPECT_EQ(begun, departed);
}

}  // namespace
}  // namespace sluice::admission
