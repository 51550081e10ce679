#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <map>

#include "apps/auction/store/sqlite/database.hpp"
#include "tests/unit/auction_store/fault_vfs.hpp"
#include "tests/unit/auction_store/support.hpp"

/// A broken disk is an error to the client, never an acknowledgement (P5); what was acknowledged survives a
/// power failure (P2). Every write and every sync is made to fail in turn, until a run meets no failure.
namespace sluice::auction {
namespace {

using testing::FaultVfs;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// What the outside was told.
using Acknowledged = std::map<Id, Cents>;

class Disk : public ::testing::Test {
 protected:
  sqlite::Options options(bool faulty) const {
    sqlite::Options options;
    options.file = folder_ / "auction.db";
    options.checkpoint_pages = 8;  // so that a short run has several
    if (faulty) options.vfs = FaultVfs::name();
    return options;
  }

  /// A new auction with one item.
  std::unique_ptr<testing::Auction> start() {
    std::filesystem::remove(folder_ / "auction.db");
    std::filesystem::remove(folder_ / "auction.db-wal");
    std::filesystem::remove(folder_ / "auction.db-shm");
    vfs_.heal();
    auto auction = std::make_unique<testing::Auction>(options(true));
    auction->wait(auction->repository->register_user(testing::user_named("seller"))).value();
    item_ = auction->wait(auction->repository->register_item(testing::item_of(1, "Thing"))).value();
    return auction;
  }

  Result<BidOutcome> bid(testing::Auction& auction, std::int64_t nth) const {
    return auction.wait(auction.repository->place_bid(testing::bid_on(item_, 2, {1000 + 100 * nth})));
  }

  void expect_all(const Acknowledged& acknowledged, sqlite::Options where) const {
    testing::Auction auction(std::move(where));
    std::map<Id, Cents> stored;
    for (const Bid& bid : auction.wait(auction.repository->bids(item_)).value()) stored[bid.id] = bid.amount;
    for (const auto& [id, amount] : acknowledged) {
      ASSERT_TRUE(stored.contains(id)) << "bid " << id << " was acknowledged and is lost";
      EXPECT_EQ(stored[id], amount);
    }
    EXPECT_LE(stored.size(), acknowledged.size() + 1)
        << "at most the bid of the failed commit is there unannounced";
  }

  testing::TemporaryFolder folder_;
  FaultVfs vfs_{folder_ / "durable"};
  Id item_ = 0;
};

struct Fault {
  const char* name;
  FaultVfs::Operation operation;
  int error;
};
class EveryFault : public Disk, public ::testing::WithParamInterface<Fault> {};

TEST_P(EveryFault, ClosesTheStoreAndLosesNothingAcknowledged) {
  constexpr int kBids = 20;
  int runs = 0;
  for (bool failed = true; failed; ++runs) {
    Acknowledged acknowledged;
    {
      const auto auction = start();
      vfs_.fail(GetParam().operation, runs + 1, GetParam().error, true);
      bool refused = false;
      for (int nth = 0; nth < kBids; ++nth) {
        const auto outcome = bid(*auction, nth);
        if (outcome.has_value()) {
          ASSERT_FALSE(refused) << "a closed store accepted a bid";
          acknowledged[outcome->bid] = {1000 + 100 * nth};
        } else {
          EXPECT_EQ(outcome.error(), StoreError::unavailable);
          refused = true;
        }
      }
      failed = vfs_.failed();
      if (refused) {
        EXPECT_THAT(auction->store->not_ready(), HasSubstr("closed after an error while"));
        EXPECT_EQ(auction->wait(auction->repository->item(item_)).error(), StoreError::unavailable);
      }
      EXPECT_TRUE(failed || !refused);
    }
    vfs_.heal();
    expect_all(acknowledged, options(false));
    ASSERT_FALSE(HasFatalFailure()) << "run " << runs;
  }
  EXPECT_GT(runs, 20) << "the run is too short to meet a commit and a checkpoint";
}

INSTANTIATE_TEST_SUITE_P(Disk, EveryFault,
                         ::testing::Values(Fault{"Write", FaultVfs::Operation::write, SQLITE_IOERR_WRITE},
                                           Fault{"Sync", FaultVfs::Operation::sync, SQLITE_IOERR_FSYNC}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST_F(Disk, ThatIsFullRefusesBidsUntilThereIsSpaceAgain) {
  for (int nth = 1; nth <= 12; ++nth) {
    Acknowledged acknowledged;
    {
      const auto auction = start();
      acknowledged[bid(*auction, 0).value().bid] = {1000};
      vfs_.fail(FaultVfs::Operation::write, nth, SQLITE_FULL, true);
      std::int64_t next = 1;
      Result<BidOutcome> refused = bid(*auction, next);
      while (refused.has_value()) {  // until the writes reach the failure
        acknowledged[refused->bid] = {1000 + 100 * next};
        refused = bid(*auction, ++next);
      }
      EXPECT_EQ(refused.error(), StoreError::unavailable);
      EXPECT_THAT(auction->store->not_ready(), HasSubstr("no space"));
      EXPECT_TRUE(auction->wait(auction->repository->item(item_)).has_value()) << "reads go on";

      vfs_.heal();
      acknowledged[bid(*auction, next).value().bid] = {1000 + 100 * next};
      EXPECT_THAT(auction->store->not_ready(), IsEmpty());
    }
    expect_all(acknowledged, options(false));
  }
}

TEST_F(Disk, ThatCanNotBeReadClosesTheStore) {
  const auto auction = start();
  vfs_.fail(FaultVfs::Operation::read, 1, SQLITE_IOERR_READ, true);
  EXPECT_EQ(auction->wait(auction->repository->user(1)).error(), StoreError::unavailable);
  EXPECT_THAT(auction->store->not_ready(), HasSubstr("closed after an error while"));
  vfs_.heal();
  EXPECT_EQ(bid(*auction, 0).error(), StoreError::unavailable) << "nothing is believed until a restart";
}

TEST_F(Disk, HoldsEveryAcknowledgedBidAfterAPowerFailure) {
  Acknowledged acknowledged;
  const auto auction = start();
  for (int nth = 0; nth < 60; ++nth) {
    acknowledged[bid(*auction, nth).value().bid] = {1000 + 100 * nth};
    vfs_.save_durable_to(folder_ / "after");
    sqlite::Options after = options(false);
    after.file = folder_ / "after" / "auction.db";
    expect_all(acknowledged, std::move(after));
    ASSERT_FALSE(HasFatalFailure()) << "after bid " << nth;
  }
}

}  // namespace
}  // namespace sluice::auction
