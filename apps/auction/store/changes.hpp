#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "apps/auction/store/domain.hpp"

/// What has changed in the database, for those who keep what they made of it.
namespace sluice::auction {

/// A thing that a page can show, and a write can change.
struct Topic {
  enum class Kind : std::uint8_t {
    item,      ///< Price, bids, quantity and end of an auction.
    user,      ///< Whether there is such a member.
    category,  ///< Which auctions of a category are open, apart from their coming to their end.
    auctions,  ///< The same, of all; its id is 0.
  };
  Kind kind = Kind::item;
  Id id = 0;
};

/// A state of the database. Later states have larger numbers.
using Revision = std::uint64_t;

/// Which topics were changed by which transaction. One thread writes, any thread asks.
///
/// A page is kept like this: take `revision()`, read, make the page, and keep it if its topics are
/// `unchanged` since that revision. It may be shown as long as they still are. What is shown is then never
/// older than what a read would find, for topics count as changed from before the commit that changes them.
///
/// Topics share 262,144 marks (2 MiB), so now and then one counts as changed because another was.
class Changes {
 public:
  /// A transaction that changes these is about to be committed. Writer's thread.
  void begin(std::span<const Topic> topics) noexcept;
  /// It was committed, or rolled back.
  void end(std::span<const Topic> topics) noexcept;
  /// Something changed that we don't know: another process wrote.
  void everything() noexcept;
  /// While somebody else writes nothing counts as unchanged. Any thread.
  void shared(bool yes) noexcept { shared_.store(yes, std::memory_order_seq_cst); }

  /// Reads that begin from now on see at least this.
  Revision revision() const noexcept { return last_.load(std::memory_order_acquire); }
  /// False also while one of them is being changed.
  bool unchanged(std::span<const Topic> topics, Revision since) const noexcept;

 private:
  static constexpr std::size_t kMarks = std::size_t{1} << 18;
  using Mark = std::atomic<Revision>;
  Mark& mark(const Topic& topic) const noexcept;
  void set(std::span<const Topic> topics, Revision revision) noexcept;

  // A mark is the last transaction that changed one of its topics, plus one while that is going on.
  // Transactions have even numbers.
  const std::unique_ptr<Mark[]> marks_ = std::make_unique<Mark[]>(kMarks);
  Mark all_{0};                    // the last time that everything may have changed
  std::atomic<Revision> last_{0};  // the last transaction that ended
  std::atomic<bool> shared_{false};
};

}  // namespace sluice::auction
