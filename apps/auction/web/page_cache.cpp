#include "apps/auction/web/page_cache.hpp"

#include <algorithm>

#include <boost/functional/hash.hpp>

#include "apps/auction/web/format.hpp"

namespace sluice::auction::web {

namespace {

void count(std::atomic<std::uint64_t>& counter) noexcept { counter.fetch_add(1, std::memory_order_relaxed); }

bool current(const KeptPage& page, const Repository& repository, WallSeconds now) noexcept {
  return page.from <= now && now < page.until && repository.unchanged(page.topics, page.revision);
}

}  // namespace

void KeptPage::shows(const std::vector<ItemSummary>& items) {
  for (const ItemSummary& item : items) {
    topics.push_back({Topic::Kind::item, item.id});
    until = std::min(until, time_left_changes(item.ends, from));
  }
}

PageCacheCounts& PageCacheTotals::add() {
  const std::scoped_lock lock(mutex_);
  return counts_.emplace_back();
}

std::string PageCacheTotals::metrics() const {
  using Count = std::atomic<std::uint64_t> PageCacheCounts::*;
  const auto total = [this](Count count) {
    std::uint64_t sum = 0;
    for (const PageCacheCounts& counts : counts_) sum += (counts.*count).load(std::memory_order_relaxed);
    return std::to_string(sum) + '\n';
  };
  const std::scoped_lock lock(mutex_);
  return "# HELP sluice_auction_page_cache_lookups_total Pages that were looked for among those kept.\n"
         "# TYPE sluice_auction_page_cache_lookups_total counter\n"
         "sluice_auction_page_cache_lookups_total{outcome=\"hit\"} " +
         total(&PageCacheCounts::hits) + "sluice_auction_page_cache_lookups_total{outcome=\"miss\"} " +
         total(&PageCacheCounts::misses) +
         "# HELP sluice_auction_page_cache_evicted_total Pages that gave way because memory was used up.\n"
         "# TYPE sluice_auction_page_cache_evicted_total counter\n"
         "sluice_auction_page_cache_evicted_total " +
         total(&PageCacheCounts::evicted) +
         "# HELP sluice_auction_page_cache_bytes Memory of pages that are kept.\n"
         "# TYPE sluice_auction_page_cache_bytes gauge\n"
         "sluice_auction_page_cache_bytes " +
         total(&PageCacheCounts::bytes);
}

std::size_t hash_value(const PageKey& key) noexcept {
  std::size_t seed = static_cast<std::size_t>(key.interaction) << 8 | static_cast<std::size_t>(key.family);
  boost::hash_range(seed, key.of.begin(), key.of.end());
  return seed;
}

const KeptPage* PageCache::find(const PageKey& key, const Repository& repository, WallSeconds now) {
  auto& by_key = pages_.get<1>();
  const auto found = by_key.find(key);
  if (found == by_key.end() || !current(*found, repository, now)) {
    count(counts_.misses);
    return nullptr;
  }
  count(counts_.hits);
  pages_.relocate(pages_.begin(), pages_.project<0>(found));
  return &*found;
}

void PageCache::keep(KeptPage page, const Repository& repository) {
  const std::size_t size = bytes_of(page);
  if (size > bytes_max_ / 4 || !current(page, repository, page.from)) return;
  if (const auto old = pages_.get<1>().find(page.key); old != pages_.get<1>().end())
    drop(pages_.project<0>(old));
  while (!pages_.empty() && bytes_ + size > bytes_max_) {
    drop(std::prev(pages_.end()));
    count(counts_.evicted);
  }
  pages_.push_front(std::move(page));
  bytes_ += size;
  counts_.bytes.store(bytes_, std::memory_order_relaxed);
}

std::size_t PageCache::bytes_of(const KeptPage& page) noexcept {
  constexpr std::size_t kNode = sizeof(KeptPage) + 6 * sizeof(void*);  // links and buckets of two indices
  return kNode + page.title.capacity() + page.body.capacity() + page.topics.capacity() * sizeof(Topic);
}

void PageCache::drop(Pages::iterator page) {
  bytes_ -= bytes_of(*page);
  pages_.erase(page);
}

}  // namespace sluice::auction::web
