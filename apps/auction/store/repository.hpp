#pragma once
#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/system/result.hpp>

#include "apps/auction/store/changes.hpp"
#include "apps/auction/store/domain.hpp"
#include "server/task.hpp"

/// The auction's storage, as the pages see it. Implementations: sqlite/ (reads inline, writes through one
/// batching writer). Every operation is a coroutine so that a database behind a socket can stand here as
/// well.
namespace sluice::auction {

enum class StoreError {
  /// The database can't be used (disk, corruption, closed after a failed commit). Nothing was recorded as far
  /// as this
  /// process can tell. When it was the commit itself that failed, a restart may still find the write, for
  /// after a
  /// failed fsync nobody knows; a retry with the same form token then gets the earlier outcome.
  unavailable = 1,
  overloaded,      ///< The write queue is full, or a read exceeded its work budget. Nothing was recorded.
  nickname_taken,  ///< Registration of a nickname that exists.
  invalid,         ///< A value no table accepts, such as a negative quantity. Nothing was recorded.
};
const boost::system::error_category& store_category() noexcept;
boost::system::error_code make_error_code(StoreError error) noexcept;

template <class T>
using Result = boost::system::result<T>;

inline constexpr std::int64_t kListMax = 100;   ///< Rows of any list that has no pages.
inline constexpr std::int64_t kPageMax = 1000;  ///< Highest page number of a search.
inline constexpr std::int64_t kItemsPerPageMax = 100;

struct Page {
  std::int64_t number = 0;  ///< From 0.
  std::int64_t size = 25;
};

/// What identifies a browser: SHA-256 of the secret in its cookie, so that a copy of the database logs nobody
/// in.
using LoginKey = std::array<std::uint8_t, 32>;

struct Login {
  Id user = 0;
  std::string nickname;
  WallSeconds expires{};
};

struct Credentials {
  Id user = 0;
  std::string password_hash;
};

/// One per processor, used on its thread only. `now` is wall time: the database decides by it what is open.
///
/// Reads see every write that was acknowledged before they began. A write completes only when it is durable
/// (SQLite: its commit was fsynced); when it completes with an error nothing of it is stored.
class Repository {
 public:
  virtual ~Repository() = default;

  // Reads.
  virtual Task<Result<std::vector<Category>>> categories() = 0;
  virtual Task<Result<std::vector<Region>>> regions() = 0;
  /// Trailing blanks do not count.
  virtual Task<Result<std::optional<Region>>> region_named(std::string_view name) = 0;
  /// Open items of a category, the one that ends first first.
  virtual Task<Result<std::vector<ItemSummary>>> search_category(Id category, Page page, WallSeconds now) = 0;
  /// The same, of sellers that live in `region`.
  virtual Task<Result<std::vector<ItemSummary>>> search_region(Id region, Id category, Page page,
                                                               WallSeconds now) = 0;
  /// Open items whose names have all the words of `text` (each as a prefix), newest first. Text of letters
  /// and digits only counts; without any the result is empty.
  virtual Task<Result<std::vector<ItemSummary>>> search_text(std::string_view text, Page page,
                                                             WallSeconds now) = 0;
  /// For the front page: open items that end soonest, over all categories.
  virtual Task<Result<std::vector<ItemSummary>>> ending_soon(std::int64_t count, WallSeconds now) = 0;
  virtual Task<Result<std::optional<Item>>> item(Id id) = 0;
  /// Newest first, at most `kListMax`.
  virtual Task<Result<std::vector<Bid>>> bids(Id item) = 0;
  virtual Task<Result<std::optional<User>>> user(Id id) = 0;
  /// To that user, newest first, at most `kListMax`.
  virtual Task<Result<std::vector<Comment>>> comments_to(Id user) = 0;
  virtual Task<Result<std::optional<Account>>> account(Id user, WallSeconds now) = 0;
  virtual Task<Result<std::optional<Credentials>>> credentials(std::string_view nickname) = 0;
  /// Logins that have not expired.
  virtual Task<Result<std::optional<Login>>> login(const LoginKey& key, WallSeconds now) = 0;

  // For what is kept of earlier reads; see Changes.
  virtual Revision revision() const noexcept = 0;
  /// False also when the store is not trusted any more.
  virtual bool unchanged(std::span<const Topic> topics, Revision since) const noexcept = 0;

  // Writes. Rules are decided inside the writing transaction (rules.hpp).
  virtual Task<Result<BidOutcome>> place_bid(BidRequest request) = 0;
  virtual Task<Result<PurchaseOutcome>> buy_now(PurchaseRequest request) = 0;
  /// False when the user commented on does not exist; the comment is stored all the same, as RUBiS does.
  virtual Task<Result<bool>> add_comment(CommentRequest request) = 0;
  virtual Task<Result<User>> register_user(NewUser user) = 0;
  virtual Task<Result<Id>> register_item(NewItem item) = 0;
  virtual Task<Result<void>> start_login(LoginKey key, Id user, WallSeconds expires) = 0;
  virtual Task<Result<void>> end_login(LoginKey key) = 0;
  /// Logout everywhere.
  virtual Task<Result<void>> end_logins_of(Id user) = 0;
  virtual Task<Result<void>> set_password_hash(Id user, std::string hash) = 0;
};

/// The database as a whole; shared by all processors.
class Store {
 public:
  virtual ~Store() = default;
  /// Call it on the processor's thread; answers of writes arrive on `executor`. Throws when the database
  /// can't be opened. The repository must be destroyed before stop().
  virtual std::unique_ptr<Repository> repository(Executor executor) = 0;
  /// Empty while the database is trusted; otherwise a sentence for `/readyz`. Any thread.
  virtual std::string not_ready() const = 0;
  /// False: another process is expected to write, too; nothing counts as unchanged meanwhile. Any thread.
  virtual void alone(bool) {}
  /// Text in Prometheus' exposition format for `/metrics`. Any thread.
  virtual std::string metrics() const = 0;
  /// Finishes what was queued and closes.
  virtual void stop() = 0;
};

}  // namespace sluice::auction

template <>
struct boost::system::is_error_code_enum<sluice::auction::StoreError> : std::true_type {};
