#pragma once
#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include <boost/intrusive/list.hpp>

#include "base/clock.hpp"

/// Newcomers that wait a moment for a place, fairly between networks.
namespace sluice::admission {

/// Addresses that stand or fall together: IPv4 /24, IPv6 /48.
using Prefix = std::uint64_t;

/// Whoever can wait at the gate. Leaves the queue by itself when it is destroyed.
class Waiter {
 public:
  Waiter() = default;
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  bool waiting() const noexcept { return queue_hook_.is_linked(); }

 protected:
  ~Waiter();

 private:
  friend class FrontQueue;
  boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> queue_hook_,
      age_hook_;
  class FrontQueue* queue_ = nullptr;
  Prefix prefix_ = 0;
  Monotonic::time_point since_{};
};

/// A queue for each prefix, served in turn (deficit round robin with a quantum of one handshake: Shreedhar &
/// Varghese 1996). When it is full, the longest queue gives way, so that nobody is kept out by another's
/// crowd. Not bounded by itself; the gate asks size() first. One thread.
class FrontQueue {
 public:
  FrontQueue() = default;
  FrontQueue(const FrontQueue&) = delete;
  FrontQueue& operator=(const FrontQueue&) = delete;
  ~FrontQueue();

  std::size_t size() const noexcept { return size_; }
  void push(Waiter& waiter, Prefix prefix, Monotonic::time_point now);
  /// The next in turn; null when nobody waits.
  Waiter* pop() noexcept;
  /// The longest waiting of all if it came at `before` or earlier; null otherwise.
  Waiter* pop_older(Monotonic::time_point before) noexcept;
  /// Takes the newest of the longest queue, if that is longer than the one of `prefix` would be with one
  /// more. Null otherwise: then `prefix` itself has had its share.
  Waiter* displace_for(Prefix prefix) noexcept;
  /// Whether displace_for() would find somebody.
  bool can_displace_for(Prefix prefix) const noexcept { return longest_beyond(prefix) != nullptr; }
  void remove(Waiter& waiter) noexcept;

 private:
  using List = boost::intrusive::list<
      Waiter, boost::intrusive::member_hook<Waiter, decltype(Waiter::queue_hook_), &Waiter::queue_hook_>,
      boost::intrusive::constant_time_size<false>>;
  using AgeList = boost::intrusive::list<
      Waiter, boost::intrusive::member_hook<Waiter, decltype(Waiter::age_hook_), &Waiter::age_hook_>,
      boost::intrusive::constant_time_size<false>>;
  struct Lane : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
    List waiters;
    std::size_t size = 0;
  };
  using Turns = boost::intrusive::list<Lane, boost::intrusive::constant_time_size<false>>;

  const Lane* longest_beyond(Prefix prefix) const noexcept;

  std::unordered_map<Prefix, Lane> lanes_;  // those in which somebody waits
  Turns turns_;
  AgeList by_age_;
  std::size_t size_ = 0;
};

}  // namespace sluice::admission
