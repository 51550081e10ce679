#pragma once
#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "apps/auction/store/repository.hpp"
#include "apps/auction/store/rules.hpp"

/// An auction in memory, with the behaviour of the real store as far as the pages can see it.
namespace sluice::auction::web::test {

struct FakeData {
  std::vector<Category> categories;
  std::vector<Region> regions;
  std::map<Id, User> users;
  std::map<Id, std::string> hashes;  ///< Stored password by user.
  std::map<Id, Item> items;
  std::map<Id, std::vector<Bid>> bids;           ///< By item, newest first.
  std::vector<std::pair<Id, Comment>> comments;  ///< To whom, and what.
  std::vector<Account::Purchase> purchases;
  std::map<LoginKey, Login> logins;
  std::set<FormToken> tokens;
  WallSeconds now{};
  Revision revision = 0;  ///< Counts writes; a test that changes something here by hand counts it, too.
  bool broken = false;    ///< Every call fails with StoreError::unavailable.
};

class FakeRepository final : public Repository {
 public:
  explicit FakeRepository(FakeData& data) : data_(data) {}

  Task<Result<std::vector<Category>>> categories() override { co_return done(data_.categories); }
  Task<Result<std::vector<Region>>> regions() override { co_return done(data_.regions); }
  Task<Result<std::optional<Region>>> region_named(std::string_view name) override;
  Task<Result<std::vector<ItemSummary>>> search_category(Id category, Page page, WallSeconds now) override;
  Task<Result<std::vector<ItemSummary>>> search_region(Id region, Id category, Page page,
                                                       WallSeconds now) override;
  Task<Result<std::vector<ItemSummary>>> search_text(std::string_view text, Page page,
                                                     WallSeconds now) override;
  Task<Result<std::vector<ItemSummary>>> ending_soon(std::int64_t count, WallSeconds now) override;
  Task<Result<std::optional<Item>>> item(Id id) override;
  Task<Result<std::vector<Bid>>> bids(Id item) override;
  Task<Result<std::optional<User>>> user(Id id) override;
  Task<Result<std::vector<Comment>>> comments_to(Id user) override;
  Task<Result<std::optional<Account>>> account(Id user, WallSeconds now) override;
  Task<Result<std::optional<Credentials>>> credentials(std::string_view nickname) override;
  Task<Result<std::optional<Login>>> login(const LoginKey& key, WallSeconds now) override;

  Revision revision() const noexcept override { return data_.revision; }
  bool unchanged(std::span<const Topic>, Revision since) const noexcept override {
    return !data_.broken && since == data_.revision;
  }

  Task<Result<BidOutcome>> place_bid(BidRequest request) override;
  Task<Result<PurchaseOutcome>> buy_now(PurchaseRequest request) override;
  Task<Result<bool>> add_comment(CommentRequest request) override;
  Task<Result<User>> register_user(NewUser user) override;
  Task<Result<Id>> register_item(NewItem item) override;
  Task<Result<void>> start_login(LoginKey key, Id user, WallSeconds expires) override;
  Task<Result<void>> end_login(LoginKey key) override;
  Task<Result<void>> end_logins_of(Id user) override;
  Task<Result<void>> set_password_hash(Id user, std::string hash) override;

 private:
  template <class T>
  Result<T> done(T value) const {
    if (data_.broken)
      return Result<T>{boost::system::in_place_error, make_error_code(StoreError::unavailable)};
    return value;
  }
  template <class Wanted>
  std::vector<ItemSummary> open_items(Page page, WallSeconds now, Wanted wanted) const;
  bool is_new(const std::optional<FormToken>& token) { return !token || data_.tokens.insert(*token).second; }

  FakeData& data_;
};

class FakeStore final : public Store {
 public:
  FakeData data;

  std::unique_ptr<Repository> repository(Executor) override { return std::make_unique<FakeRepository>(data); }
  std::string not_ready() const override { return data.broken ? "the database is broken" : ""; }
  std::string metrics() const override { return {}; }
  void stop() override {}
};

}  // namespace sluice::auction::web::test
