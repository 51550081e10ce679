#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>
#include <vector>

/// What one processor counts. Written by its own thread only, read by the scrape: no locked instruction
/// anywhere.
namespace sluice::server {

/// One writer, many readers. Reads are exact, just not a snapshot together with other counters.
class Counter {
 public:
  void add(std::uint64_t n = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void sub(std::uint64_t n = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed);
  }
  std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// A Prometheus histogram of seconds. Bounds are fixed, so that histograms of all processors add up.
class DurationHistogram {
 public:
  static constexpr std::array<double, 14> kBounds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                                  0.025,  0.05,    0.1,    0.25,  0.5,    1,     2.5};

  void observe(double seconds) noexcept {
    std::size_t bucket = 0;
    while (bucket < kBounds.size() && seconds > kBounds[bucket]) ++bucket;
    buckets_[bucket].add();
    nanoseconds_.add(static_cast<std::uint64_t>(seconds * 1e9));
  }
  std::uint64_t bucket(std::size_t i) const noexcept {
    return buckets_[i].get();
  }  ///< `kBounds.size()`: +Inf.
  double sum() const noexcept { return static_cast<double>(nanoseconds_.get()) / 1e9; }

 private:
  std::array<Counter, kBounds.size() + 1> buckets_;
  Counter nanoseconds_;
};

/// Labels of `limit_hits_total{limit}`; see docs/operations.md for each bound.
enum class Limit : std::uint8_t {
  hello_bytes,
  hello_timeout,
  handshake_timeout,
  header_bytes,
  header_fields,
  header_timeout,
  uri_bytes,
  body_bytes,
  body_timeout,
  body_framing,
  write_timeout,
  close_timeout,
  requests_per_connection,
  connections,
  connections_per_address,
  descriptors,
  log_queue,
  count
};
inline constexpr std::array<std::string_view, static_cast<std::size_t>(Limit::count)> kLimitNames{
    "hello_bytes",
    "hello_timeout",
    "handshake_timeout",
    "header_bytes",
    "header_fields",
    "header_timeout",
    "uri_bytes",
    "body_bytes",
    "body_timeout",
    "body_framing",
    "write_timeout",
    "close_timeout",
    "requests_per_connection",
    "connections",
    "connections_per_address",
    "descriptors",
    "log_queue"};

/// What the peeked first bytes of a connection were.
enum class HelloClass : std::uint8_t { fresh, resuming, malformed, too_large, http, not_tls, silent, count };
inline constexpr std::array<std::string_view, static_cast<std::size_t>(HelloClass::count)> kHelloClassNames{
    "new", "resuming", "malformed", "too_large", "http", "not_tls", "silent"};

enum class ConnectionState : std::uint8_t { hello, handshake, idle, active, closing, count };
inline constexpr std::array<std::string_view, static_cast<std::size_t>(ConnectionState::count)>
    kConnectionStateNames{"hello", "handshake", "idle", "active", "closing"};

enum class HandshakeKind : std::uint8_t { full, resumed, count };
enum class TlsVersion : std::uint8_t { tls12, tls13, count };

/// Status codes that have a label of their own; anything else is "other".
inline constexpr std::array<std::uint16_t, 26> kStatusCodes{200, 204, 206, 301, 302, 303, 304, 308, 400,
                                                            403, 404, 405, 408, 411, 412, 413, 414, 416,
                                                            417, 429, 431, 500, 501, 503, 504, 505};
inline constexpr std::size_t kInteractionsMax = 64;

struct Counters {
  template <class Enum>
  using Per = std::array<Counter, static_cast<std::size_t>(Enum::count)>;

  struct Handshakes {
    std::array<Counter, static_cast<std::size_t>(TlsVersion::count)> ok;
    DurationHistogram duration;  ///< From the end of the hello to the end of the handshake; successful ones.
  };
  struct Interaction {
    std::array<Counter, kStatusCodes.size() + 1> requests;  ///< The last one is "other".
    DurationHistogram
        duration;  ///< From the end of the request's head to the last byte handed to the kernel.
  };

  explicit Counters(std::size_t interactions) : interaction(interactions) {}

  Counter accepted;
  Per<HelloClass> hellos;
  std::array<Handshakes, static_cast<std::size_t>(HandshakeKind::count)> handshakes;
  Counter handshakes_failed;  ///< Alert, protocol error or a peer that went away; timeouts are limit hits.
  Per<ConnectionState> connections;
  Per<Limit> limit_hits;
  Counter bytes_sent;  ///< Plaintext of responses.
  std::vector<Interaction> interaction;

  void hit(Limit limit) noexcept { limit_hits[static_cast<std::size_t>(limit)].add(); }
  void count_request(std::size_t index, unsigned status, double seconds) noexcept {
    std::size_t slot = 0;
    while (slot < kStatusCodes.size() && kStatusCodes[slot] != status) ++slot;
    interaction[index].requests[slot].add();
    interaction[index].duration.observe(seconds);
  }
};

}  // namespace sluice::server
