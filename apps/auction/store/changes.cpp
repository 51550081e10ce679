#include "apps/auction/store/changes.hpp"

#include <algorithm>

namespace sluice::auction {

namespace {
constexpr Revision kStep = 2;
constexpr std::uint64_t kKinds = 4;
}  // namespace

Changes::Mark& Changes::mark(const Topic& topic) const noexcept {
  return marks_[(static_cast<std::uint64_t>(topic.id) * kKinds + static_cast<std::uint64_t>(topic.kind)) %
                kMarks];
}

void Changes::set(std::span<const Topic> topics, Revision revision) noexcept {
  for (const Topic& topic : topics) mark(topic).store(revision, std::memory_order_release);
}

void Changes::begin(std::span<const Topic> topics) noexcept {
  set(topics, last_.load(std::memory_order_relaxed) + kStep + 1);
  // Before the commit, whose effects others must not see while the old marks stand.
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

void Changes::end(std::span<const Topic> topics) noexcept {
  const Revision revision = last_.load(std::memory_order_relaxed) + kStep;
  set(topics, revision);
  last_.store(revision, std::memory_order_release);
}

void Changes::everything() noexcept {
  const Revision revision = last_.load(std::memory_order_relaxed) + kStep;
  all_.store(revision, std::memory_order_release);
  last_.store(revision, std::memory_order_release);
}

bool Changes::unchanged(std::span<const Topic> topics, Revision since) const noexcept {
  return !shared_.load(std::memory_order_acquire) && all_.load(std::memory_order_acquire) <= since &&
         std::ranges::all_of(topics, [&](const Topic& topic) {
           return mark(topic).load(std::memory_order_acquire) <= since;
         });
}

}  // namespace sluice::auction
