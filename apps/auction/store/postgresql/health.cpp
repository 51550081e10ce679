#include "apps/auction/store/postgresql/health.hpp"

#include <cstdio>
#include <sstream>
#include <utility>

namespace sluice::auction::postgresql {

void Counters::count_commit(std::chrono::nanoseconds took) noexcept {
  const double seconds = std::chrono::duration<double>(took).count();
  std::size_t bucket = 0;
  while (bucket < kCommitSeconds.size() && seconds > kCommitSeconds[bucket]) ++bucket;
  count(commits[bucket]);
  commit_nanos.fetch_add(static_cast<std::uint64_t>(took.count()), std::memory_order_relaxed);
}

std::string Counters::metrics(bool up, std::int64_t sessions, std::size_t queue_max) const {
  std::ostringstream out;
  const auto metric = [&out](const char* name, const char* type, const char* help, auto value) {
    out << "# HELP sluice_store_" << name << ' ' << help << "\n# TYPE sluice_store_" << name << ' ' << type
        << "\nsluice_store_" << name << ' ' << value << '\n';
  };
  const auto total = [&](const char* name, const char* help, const Count& counter) {
    metric(name, "counter", help, counter.load(std::memory_order_relaxed));
  };
  metric("up", "gauge", "1 while the primary can be reached.", up ? 1 : 0);
  metric("connections", "gauge", "Sessions with the database.", sessions);
  metric("write_queue_depth", "gauge", "Writes that wait for a session.",
         writes_waiting.load(std::memory_order_relaxed));
  metric("write_queue_limit", "gauge", "Writes that may wait.", queue_max);
  metric("reads_under_way", "gauge", "Reads that were sent and not answered.",
         reads_under_way.load(std::memory_order_relaxed));
  total("writes_total", "Writes that came to an answer.", writes);
  total("writes_failed_total", "Writes that failed or were given up.", writes_failed);
  total("writes_refused_total", "Writes refused because too many waited.", writes_refused);
  total("reads_total", "Reads.", reads);
  total("reads_failed_total", "Reads that failed.", reads_failed);
  total("reads_given_up_total", "Reads that exceeded their work budget.", reads_given_up);
  total("reads_refused_total", "Reads refused because too many were under way.", reads_refused);
  total("conflicts_total", "Transactions tried again after a conflict.", conflicts);
  total("outcomes_asked_total", "Commits whose answer was lost, so that the database was asked.",
        outcomes_asked);
  total("connects_total", "Sessions begun.", connects);
  total("connects_failed_total", "Sessions that could not be begun.", connects_failed);
  total("replica_replaced_total", "Reads that the primary served because the replica was away.",
        replica_replaced);

  const char* const name = "sluice_store_commit_seconds";
  out << "# HELP " << name << " Time to make a transaction durable.\n# TYPE " << name << " histogram\n";
  std::uint64_t sum = 0;
  for (std::size_t bucket = 0; bucket < commits.size(); ++bucket) {
    sum += commits[bucket].load(std::memory_order_relaxed);
    out << name << "_bucket{le=\"";
    if (bucket < kCommitSeconds.size()) {
      out << kCommitSeconds[bucket];
    } else {
      out << "+Inf";
    }
    out << "\"} " << sum << '\n';
  }
  out << name << "_sum " << static_cast<double>(commit_nanos.load(std::memory_order_relaxed)) / 1e9 << '\n'
      << name << "_count " << sum << '\n';
  return out.str();
}

void Health::set_away(std::string reason) {
  const std::scoped_lock lock(mutex_);
  reason_ = "the database can't be used: " + std::move(reason);
  if (up_.exchange(false, std::memory_order_acq_rel)) changed_.notify_all();
  if (!std::exchange(told_away_, true)) std::fprintf(stderr, "sluice: %s\n", reason_.c_str());
}

void Health::set_up() {
  const std::scoped_lock lock(mutex_);
  if (up_.exchange(true, std::memory_order_acq_rel)) return;
  if (std::exchange(told_away_, false)) std::fprintf(stderr, "sluice: the database can be used again\n");
  reason_.clear();
}

std::string Health::problem() const {
  const std::scoped_lock lock(mutex_);
  return reason_;
}

bool Health::wait_while_up(Monotonic::time_point until) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, until, [this] { return stopping_ || !up_.load(std::memory_order_relaxed); });
  return !stopping_;
}

bool Health::wait(Monotonic::time_point until) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, until, [this] { return stopping_; });
  return !stopping_;
}

void Health::stop() {
  const std::scoped_lock lock(mutex_);
  stopping_ = true;
  up_.store(false, std::memory_order_release);
  reason_ = "the store is closed";
  changed_.notify_all();
}

}  // namespace sluice::auction::postgresql
