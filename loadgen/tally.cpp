#include "loadgen/tally.hpp"

#include <numeric>

namespace sluice::loadgen {
namespace {

template <std::size_t N>
void add_counts(std::array<std::uint64_t, N>& to, const std::array<std::uint64_t, N>& from) {
  for (std::size_t i = 0; i < N; ++i) to[i] += from[i];
}

template <std::size_t N>
void merge_all(std::array<Histogram, N>& to, const std::array<Histogram, N>& from) {
  for (std::size_t i = 0; i < N; ++i) to[i].merge(from[i]);
}

template <std::size_t N>
std::uint64_t total(const std::array<std::uint64_t, N>& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

}  // namespace

void SessionTally::add(const SessionTally& other) {
  started += other.started;
  admitted += other.admitted;
  completed += other.completed;
  unfinished += other.unfinished;
  add_counts(refused, other.refused);
  for (std::size_t step = 0; step < abandoned.size(); ++step)
    add_counts(abandoned[step], other.abandoned[step]);
  merge_all(time_to_refusal, other.time_to_refusal);
  duration.merge(other.duration);
  attempts += other.attempts;
  retries += other.retries;
}

std::uint64_t SessionTally::refused_total() const noexcept { return total(refused); }

std::uint64_t SessionTally::abandoned_total() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& causes : abandoned) sum += total(causes);
  return sum;
}

void RequestTally::add(const RequestTally& other) {
  sent += other.sent;
  replies += other.replies;
  ok += other.ok;
  client_errors += other.client_errors;
  server_errors += other.server_errors;
  busy += other.busy;
  unsent += other.unsent;
  failed += other.failed;
  resent += other.resent;
  images += other.images;
  redirects += other.redirects;
  pages_error += other.pages_error;
  pages_sorry += other.pages_sorry;
  goodput += other.goodput;
  wasted += other.wasted;
  bytes_sent += other.bytes_sent;
  bytes_received += other.bytes_received;
  body_bytes += other.body_bytes;
}

void ResumptionTally::add(const ResumptionTally& other) {
  add_counts(offered, other.offered);
  add_counts(accepted, other.accepted);
  add_counts(declined, other.declined);
}

void ConnectionTally::add(const ConnectionTally& other) {
  attempted += other.attempted;
  established += other.established;
  handshakes_full += other.handshakes_full;
  handshakes_resumed += other.handshakes_resumed;
  handshakes_failed += other.handshakes_failed;
  wasted_full += other.wasted_full;
  wasted_resumed += other.wasted_resumed;
  closed_idle += other.closed_idle;
  closed_by_us += other.closed_by_us;
  for (std::size_t i = 0; i < resumption.size(); ++i) resumption[i].add(other.resumption[i]);
}

void StateTally::add(const StateTally& other) {
  replies += other.replies;
  errors += other.errors;
  complete.merge(other.complete);
}

void AttackTally::add(const AttackTally& other) {
  started += other.started;
  handshakes += other.handshakes;
  resumed += other.resumed;
  answered += other.answered;
  alert += other.alert;
  rst += other.rst;
  fin += other.fin;
  held += other.held;
  failed += other.failed;
}

void Tally::add(const Tally& other) {
  sessions.add(other.sessions);
  requests.add(other.requests);
  connections.add(other.connections);
  merge_all(latency, other.latency);
  lag.merge(other.lag);
  if (states.size() < other.states.size()) states.resize(other.states.size());
  for (std::size_t i = 0; i < other.states.size(); ++i) states[i].add(other.states[i]);
  for (std::size_t i = 0; i < attacks.size(); ++i) attacks[i].add(other.attacks[i]);
}

}  // namespace sluice::loadgen
