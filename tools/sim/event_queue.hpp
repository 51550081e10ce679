#pragma once
#include <algorithm>
#include <cassert>
#include <cstdint>
#include <vector>

#include "base/clock.hpp"

/// What happens next.
namespace sluice::tools {

/// A calendar queue (Brown 1988) with a heap for the day under way: an event is put into the list of its day
/// and sorted only when that day comes, so that a million pending events cost no more each than a thousand.
/// Events of the same moment come in the order in which they were put in. Allocates only while it grows.
template <class Event>
class EventQueue {
 public:
  using Instant = Monotonic::time_point;

  explicit EventQueue(Instant start) : days_(kDays, kNone), today_(day_of(start)) {}

  /// `at` must not be before the event taken last.
  void push(Instant at, const Event& event) {
    const std::int64_t day = day_of(at);
    const Entry entry{at, order_++, event};
    ++size_;
    if (day <= today_) {
      sooner_.push_back(entry);
      std::push_heap(sooner_.begin(), sooner_.end(), later);
    } else {
      file(day, entry);
    }
  }

  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }

  struct Due {
    Instant at{};
    Event event{};
  };
  /// The queue must not be empty.
  Due pop() {
    assert(size_ > 0);
    while (sooner_.empty()) turn_page();
    std::pop_heap(sooner_.begin(), sooner_.end(), later);
    const Entry entry = sooner_.back();
    sooner_.pop_back();
    --size_;
    return {entry.at, entry.event};
  }

 private:
  struct Entry {
    Instant at{};
    std::uint64_t order = 0;
    Event event{};
  };
  struct Node {
    Entry entry{};
    std::uint32_t next = 0;
  };
  static constexpr std::uint32_t kNone = UINT32_MAX;
  static constexpr std::size_t kDays = 1 << 16;  // a year is 69 s
  static constexpr int kDayBits = 20;            // a day is 1.05 ms

  static std::int64_t day_of(Instant at) noexcept { return at.time_since_epoch().count() >> kDayBits; }
  static bool later(const Entry& a, const Entry& b) noexcept {
    return a.at != b.at ? a.at > b.at : a.order > b.order;
  }

  void file(std::int64_t day, const Entry& entry) {
    std::uint32_t node = free_;
    if (node == kNone) {
      node = static_cast<std::uint32_t>(nodes_.size());
      nodes_.emplace_back();
    } else {
      free_ = nodes_[node].next;
    }
    std::uint32_t& head = days_[static_cast<std::size_t>(day) % kDays];
    nodes_[node] = {entry, head};
    head = node;
  }

  /// The next day: its events come into the heap, those of later years stay.
  void turn_page() {
    ++today_;
    std::uint32_t* link = &days_[static_cast<std::size_t>(today_) % kDays];
    while (*link != kNone) {
      Node& node = nodes_[*link];
      if (day_of(node.entry.at) != today_) {
        link = &node.next;
        continue;
      }
      sooner_.push_back(node.entry);
      std::push_heap(sooner_.begin(), sooner_.end(), later);
      const std::uint32_t done = *link;
      *link = node.next;
      node.next = free_;
      free_ = done;
    }
  }

  std::vector<Entry> sooner_;  // heap
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> days_;  // heads of lists
  std::uint32_t free_ = kNone;
  std::int64_t today_;
  std::uint64_t order_ = 0;
  std::size_t size_ = 0;
};

}  // namespace sluice::tools
