#include "admission/front_queue.hpp"

namespace sluice::admission {

Waiter::~Waiter() {
  if (queue_ != nullptr) queue_->remove(*this);
}

FrontQueue::~FrontQueue() {
  while (pop() != nullptr) {
  }
}

void FrontQueue::push(Waiter& waiter, Prefix prefix, Monotonic::time_point now) {
  Lane& lane = lanes_[prefix];
  if (lane.size == 0) turns_.push_back(lane);
  waiter.queue_ = this;
  waiter.prefix_ = prefix;
  waiter.since_ = now;
  lane.waiters.push_back(waiter);
  ++lane.size;
  by_age_.push_back(waiter);
  ++size_;
}

void FrontQueue::remove(Waiter& waiter) noexcept {
  if (waiter.queue_ != this) return;
  waiter.queue_hook_.unlink();
  waiter.age_hook_.unlink();
  waiter.queue_ = nullptr;
  --size_;
  const auto lane = lanes_.find(waiter.prefix_);
  if (--lane->second.size == 0) lanes_.erase(lane);  // its hook leaves the turns by itself
}

Waiter* FrontQueue::pop() noexcept {
  if (turns_.empty()) return nullptr;
  Lane& lane = turns_.front();
  turns_.pop_front();
  turns_.push_back(lane);
  Waiter& waiter = lane.waiters.front();
  remove(waiter);
  return &waiter;
}

Waiter* FrontQueue::pop_older(Monotonic::time_point before) noexcept {
  if (by_age_.empty() || by_age_.front().since_ > before) return nullptr;
  Waiter& waiter = by_age_.front();
  remove(waiter);
  return &waiter;
}

const FrontQueue::Lane* FrontQueue::longest_beyond(Prefix prefix) const noexcept {
  const Lane* longest = nullptr;
  for (const Lane& lane : turns_) {
    if (longest == nullptr || lane.size > longest->size) longest = &lane;
  }
  const auto own = lanes_.find(prefix);
  const std::size_t with_one_more = (own == lanes_.end() ? 0 : own->second.size) + 1;
  return longest != nullptr && longest->size > with_one_more ? longest : nullptr;
}

Waiter* FrontQueue::displace_for(Prefix prefix) noexcept {
  const Lane* longest = longest_beyond(prefix);
  if (longest == nullptr) return nullptr;
  Waiter& waiter = const_cast<Lane*>(longest)->waiters.back();
  remove(waiter);
  return &waiter;
}

}  // namespace sluice::admission
