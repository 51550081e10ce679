#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include <boost/multi_index/hashed_index.hpp>
#include <boost/multi_index/member.hpp>
#include <boost/multi_index/sequenced_index.hpp>
#include <boost/multi_index_container.hpp>

#include "apps/auction/store/repository.hpp"
#include "apps/auction/web/interactions.hpp"

/// Pages that were rendered, for as long as they say what the database says.
namespace sluice::auction::web {

enum class Family : std::uint8_t;

struct PageKey {
  Interaction interaction;
  Family family;
  std::array<std::int64_t, 4> of{};  ///< Ids and page numbers; the interaction says which.
  bool operator==(const PageKey&) const = default;
};
std::size_t hash_value(const PageKey& key) noexcept;

/// A page without its layout, as everybody sees it.
struct KeptPage {
  PageKey key;
  std::string title{}, body{};
  std::vector<Topic> topics{};  ///< All that the page shows.
  Revision revision = 0;        ///< Taken before the first read for it.
  WallSeconds from{};           ///< When it was made.
  WallSeconds until = kNoEnd;   ///< From here on one of its times ("2 h 5 min left") reads differently.

  static constexpr WallSeconds kNoEnd = WallSeconds::max();

  /// It shows a list of these, with what is left of their time at `from`.
  void shows(const std::vector<ItemSummary>& items);
};

/// Written by one processor, read by any thread.
struct PageCacheCounts {
  std::atomic<std::uint64_t> hits{0}, misses{0}, evicted{0}, bytes{0};
};

/// Counts of all processors' caches. Any thread.
class PageCacheTotals {
 public:
  /// For one more cache; stays where it is.
  PageCacheCounts& add();
  /// Prometheus' text format.
  std::string metrics() const;

 private:
  mutable std::mutex mutex_;
  std::deque<PageCacheCounts> counts_;  // guarded by mutex_; its elements are atomic
};

/// Of one processor, used on its thread. Never shows a page that a read would contradict: see Changes.
/// Bounded by bytes; the page that was not asked for the longest gives way.
class PageCache {
 public:
  /// `counts` outlives it. With no bytes it keeps nothing.
  PageCache(std::size_t bytes_max, PageCacheCounts& counts) noexcept
      : bytes_max_(bytes_max), counts_(counts) {}

  /// Null when there is none that may still be shown. Borrowed until the next call.
  const KeptPage* find(const PageKey& key, const Repository& repository, WallSeconds now);
  /// Does nothing when something that it shows has changed since its revision.
  void keep(KeptPage page, const Repository& repository);

 private:
  using Pages = boost::multi_index_container<
      KeptPage,
      boost::multi_index::indexed_by<
          boost::multi_index::sequenced<>,  // latest use first
          boost::multi_index::hashed_unique<boost::multi_index::member<KeptPage, PageKey, &KeptPage::key>>>>;
  static std::size_t bytes_of(const KeptPage& page) noexcept;
  void drop(Pages::iterator page);

  const std::size_t bytes_max_;
  PageCacheCounts& counts_;
  Pages pages_;
  std::size_t bytes_ = 0;
};

}  // namespace sluice::auction::web
