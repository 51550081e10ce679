#pragma once
#include "apps/auction/store/postgresql/transaction.hpp"
#include "apps/auction/store/repository.hpp"

/// What can be written, each as one try of a transaction. Rules are decided by what the transaction has read
/// of a row that it has locked.
///
/// A form that carries a token counts once: an accepted one is recorded with its outcome, and the same token
/// of the same user gets that outcome again. Two copies under way at the same time: the second waits for the
/// row, or for the unique key of the token, and then finds the first.
///
/// Requests must stay until the task has ended.
namespace sluice::auction::postgresql {

Task<Step<BidOutcome>> place_bid(Transaction& transaction, const BidRequest& request);
Task<Step<PurchaseOutcome>> buy_now(Transaction& transaction, const PurchaseRequest& request);
Task<Step<bool>> add_comment(Transaction& transaction, const CommentRequest& request);
Task<Step<User>> register_user(Transaction& transaction, const NewUser& user);
Task<Step<Id>> register_item(Transaction& transaction, const NewItem& item);

struct LoginStart {
  LoginKey key;
  Id user = 0;
  WallSeconds expires{};
};
Task<Step<void>> start_login(Transaction& transaction, const LoginStart& login);
Task<Step<void>> end_login(Transaction& transaction, const LoginKey& key);
Task<Step<void>> end_logins_of(Transaction& transaction, const Id& user);
struct NewHash {
  Id user = 0;
  std::string hash;
};
Task<Step<void>> set_password_hash(Transaction& transaction, const NewHash& hash);

}  // namespace sluice::auction::postgresql
