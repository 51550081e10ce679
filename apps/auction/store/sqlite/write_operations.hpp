#pragma once
#include "apps/auction/store/changes.hpp"
#include "apps/auction/store/repository.hpp"
#include "apps/auction/store/rows.hpp"
#include "apps/auction/store/rules.hpp"
#include "apps/auction/store/sqlite/database.hpp"

namespace sluice::auction::sqlite {

/// What can be written, each as a part of a transaction that the writer has opened. Rules are decided here,
/// by what the transaction reads. An error leaves half-done work behind: the caller rolls back to before the
/// call.
///
/// A form that carries a token counts once: an accepted one is recorded with its outcome, and the same token
/// of the same user gets that outcome again.
class WriteOperations {
 public:
  /// `db` outlives it.
  explicit WriteOperations(Connection& db);

  Result<BidOutcome> place_bid(const BidRequest& request, WallSeconds now);
  Result<PurchaseOutcome> buy_now(const PurchaseRequest& request, WallSeconds now);
  Result<bool> add_comment(const CommentRequest& request, WallSeconds now);
  Result<User> register_user(const NewUser& user, WallSeconds now);
  Result<Id> register_item(const NewItem& item, WallSeconds now);
  Result<void> start_login(const LoginKey& key, Id user, WallSeconds expires);
  Result<void> end_login(const LoginKey& key);
  Result<void> end_logins_of(Id user);
  Result<void> set_password_hash(Id user, std::string_view hash);

  /// Takes ended auctions out of the searches and deletes expired logins and form tokens, a bounded number of
  /// each. True when more is left to do.
  Result<bool> keep_house(WallSeconds now);

  /// What the operations since forget_changed() may have changed.
  std::span<const Topic> changed() const noexcept { return changed_; }
  void forget_changed() noexcept { changed_.clear(); }

 private:
  struct Outcome {
    std::int64_t outcome = 0, detail = 0;
  };
  /// Empty when there is no token, or it is new.
  Result<std::optional<Outcome>> accepted_before(Form form, Id user, const std::optional<FormToken>& token);
  error_code accept(Form form, Id user, const std::optional<FormToken>& token, Outcome outcome,
                    WallSeconds now);
  struct Found {
    ItemState state;
    Id category = 0;
  };
  Result<std::optional<Found>> find(Id item);
  /// An auction of this category was opened, or closed before its time.
  void change_lists(Id category);
  Result<bool> unlist_ended(WallSeconds now);
  Id last_id() const noexcept { return sqlite3_last_insert_rowid(db_.get()); }

  Connection& db_;
  std::vector<Topic> changed_;
  Statement find_token_, insert_token_;
  Statement item_state_, insert_bid_, raise_price_;
  Statement take_quantity_, insert_purchase_;
  Statement insert_comment_, add_rating_;
  Statement find_nickname_, insert_user_, find_region_;
  Statement seller_region_, insert_item_, insert_description_, insert_words_;
  Statement insert_login_, delete_login_, delete_logins_, update_password_;
  Statement ended_items_, delete_words_, unlist_item_, delete_expired_logins_, delete_old_tokens_;
};

}  // namespace sluice::auction::sqlite
