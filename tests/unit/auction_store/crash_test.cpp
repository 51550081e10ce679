#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <map>
#include <random>

#include "apps/auction/store/sqlite/database.hpp"
#include "tests/unit/auction_store/support.hpp"

/// P2: a bid that somebody was told of survives `kill -9` at any moment. A child process (this program again,
/// with
/// --bid) takes bids and reports each one it has acknowledged; it is killed in the middle, over and over.
namespace sluice::auction {
namespace {

namespace asio = boost::asio;

constexpr int kItems = 4;
constexpr int kBiddersPerItem = 3;

/// What the child writes to its pipe: one acknowledged bid. Short enough to be written in one piece.
struct Report {
  Id bid, item, amount;
};

sqlite::Options options_for(const std::filesystem::path& file) {
  sqlite::Options options;
  options.file = file;
  options.checkpoint_pages = 30;  // so that many deaths fall into a checkpoint
  return options;
}

bool tell(const Report& report) {
  const Id words[]{report.bid, report.item, report.amount};
  return ::write(STDOUT_FILENO, words, sizeof words) == sizeof report;
}

Task<void> bid_for_ever(Repository& repository, Id item, Id user) {
  BidRequest request = testing::bid_on(item, user, {1000});
  for (;;) {
    const auto outcome = co_await repository.place_bid(request);
    if (!outcome) _exit(3);
    if (outcome->result == BidResult::accepted) {
      if (!tell({outcome->bid, item, request.amount.value})) _exit(4);
    }
    request.amount = outcome->minimum;
  }
}

int child_main(const char* file) {
  testing::Auction auction(options_for(file));
  for (Id item = 1; item <= kItems; ++item) {
    for (Id user = 2; user < 2 + kBiddersPerItem; ++user) {
      asio::co_spawn(auction.loop, bid_for_ever(*auction.repository, item, user), asio::detached);
    }
  }
  auction.loop.run();
  return 0;
}

/// Lives until it has reported `lifetime` bids and a little longer; everything it reported.
std::vector<Report> bids_of_a_short_life(const std::filesystem::path& file, int lifetime) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error("pipe failed");
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    ::execl("/proc/self/exe", "auction_store_crash_test", "--bid", file.c_str(), nullptr);
    _exit(5);
  }
  ::close(ends[1]);
  std::vector<Report> reports;
  Report report;
  bool killed = false;
  while (::read(ends[0], &report, sizeof report) == sizeof report) {
    reports.push_back(report);
    if (!killed && std::ssize(reports) >= lifetime) killed = ::kill(child, SIGKILL) == 0;
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "it died by itself: " << status;
  return reports;
}

TEST(Crash, LosesNoAcknowledgedBid) {
  constexpr int kDeaths = 25;
  const testing::TemporaryFolder folder;
  const auto file = folder / "auction.db";
  {
    testing::Auction auction(options_for(file));
    auction.wait(auction.repository->register_user(testing::user_named("seller"))).value();
    for (int item = 0; item < kItems; ++item) {
      auction.wait(auction.repository->register_item(testing::item_of(1, "Thing"))).value();
    }
  }
  std::mt19937 random(20261122);
  std::map<Id, Report> acknowledged;
  for (int death = 0; death < kDeaths; ++death) {
    const int lifetime = static_cast<int>(random() % 300) + 1;
    for (const Report& report : bids_of_a_short_life(file, lifetime)) acknowledged[report.bid] = report;

    const auto reopened = sqlite::open_store(options_for(file));  // recovers the log
    sqlite::Connection db(file, sqlite::Access::read_only);
    sqlite::Statement bids(db, "SELECT id, item_id, bid FROM bids ORDER BY id");
    std::map<Id, Id> highest;
    std::size_t found = 0;
    auto query = bids.run();
    while (query.next()) {
      auto row = query.row();
      const Report stored{row.number(), row.number(), row.number()};
      EXPECT_GT(stored.amount, highest[stored.item]) << "bids rise";
      highest[stored.item] = stored.amount;
      const auto told = acknowledged.find(stored.bid);
      if (told == acknowledged.end()) continue;  // committed, but death came before the answer
      EXPECT_EQ(told->second.item, stored.item);
      EXPECT_EQ(told->second.amount, stored.amount);
      ++found;
    }
    ASSERT_EQ(found, acknowledged.size()) << "an acknowledged bid is lost after death " << death;
    for (const auto& [item, amount] : highest) {
      EXPECT_EQ(db.number("SELECT max_bid FROM items WHERE id = " + std::to_string(item)), amount);
    }
    EXPECT_EQ(db.number("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
  }
  EXPECT_GT(acknowledged.size(), 500u);
}

}  // namespace
}  // namespace sluice::auction

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view{argv[1]} == "--bid") return sluice::auction::child_main(argv[2]);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
