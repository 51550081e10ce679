#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <ctime>
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
  void set(std::uint64_t n) noexcept { value_.store(n, std::memory_order_relaxed); }
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
  sessions,
  parked,
  resumptions_per_session,
  resumed_cpu,
  work_queue,
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
    "log_queue",
    "sessions",
    "parked",
    "resumptions_per_session",
    "resumed_cpu",
    "work_queue"};

/// What CPU time goes into.
enum class Work : std::uint8_t {
  full,     ///< Full handshakes, from accept on; also those that failed.
  resumed,  ///< Resumed handshakes.
  request,  ///< Requests of sessions, from the first byte to the last.
  refusal,  ///< Those who did not come in.
  relay,    ///< Those whom another member serves, and connections on their way to or from one.
  other,    ///< The rest of the process: database writer, passwords, logs, timers. Not booked but left over.
  count
};
inline constexpr std::size_t kWorks = static_cast<std::size_t>(Work::count);
inline constexpr std::array<std::string_view, kWorks> kWorkNames{
    "full_handshake", "resumed_handshake", "request", "refusal", "relay", "other"};

/// What was decided about a connection, and why.
enum class Outcome : std::uint8_t {
  new_open,         ///< Admitted: no policy, or no limit reached.
  new_waited,       ///< Admitted after it was parked.
  new_returning,    ///< Admitted as it came back when it was told to.
  new_parked,       ///< Has to wait.
  new_no_room,      ///< Refused: as many sessions as can be carried.
  new_deadline,     ///< Refused: waited in vain, or gave way to another network.
  new_suspect,      ///< Refused: its address leaves handshakes unfinished.
  new_gone,         ///< Had gone before it came to its turn.
  new_delegated,    ///< Another member serves it.
  resumed_session,  ///< Admitted: in session.
  resumed_replay,   ///< Refused: the same hello was here before.
  count
};
struct OutcomeLabels {
  std::string_view session_class, decision, reason;
};
inline constexpr std::array<OutcomeLabels, static_cast<std::size_t>(Outcome::count)> kOutcomeLabels{{
    {"new", "admit", "open"},
    {"new", "admit", "waited"},
    {"new", "admit", "returning"},
    {"new", "park", "queue"},
    {"new", "refuse", "no_room"},
    {"new", "refuse", "deadline"},
    {"new", "refuse", "suspect_address"},
    {"new", "refuse", "gone"},
    {"new", "delegate", "placement"},
    {"resumed", "admit", "in_session"},
    {"resumed", "refuse", "replay"},
}};

/// Why a client with a session of ours is treated as a newcomer.
enum class Demotion : std::uint8_t {
  stranger,   ///< Not seen for long, or shed.
  excessive,  ///< More resumptions than one client makes.
  cpu_share,  ///< Resumed handshakes have had their share of the CPU, and the session more than most.
  declined,   ///< OpenSSL did not resume what we would have.
  count
};
inline constexpr std::array<std::string_view, static_cast<std::size_t>(Demotion::count)> kDemotionNames{
    "stranger", "excessive", "cpu_share", "declined"};

/// How a newcomer was told to go.
enum class Refusal : std::uint8_t { explain, alert, reset, count };
inline constexpr std::array<std::string_view, static_cast<std::size_t>(Refusal::count)> kRefusalNames{
    "explain", "alert", "reset"};
/// What the peeked first bytes of a connection were.
enum class HelloClass : std::uint8_t { fresh, resuming, malformed, too_large, http, not_tls, silent, count };
inline constexpr std::array<std::string_view, static_cast<std::size_t>(HelloClass::count)> kHelloClassNames{
    "new", "resuming", "malformed", "too_large", "http", "not_tls", "silent"};

enum class ConnectionState : std::uint8_t {
  hello,
  parked,
  handshake,
  idle,
  active,
  closing,
  relayed,
  arriving,  ///< From another owner, who may still take it back.
  count
};
inline constexpr std::array<std::string_view, static_cast<std::size_t>(ConnectionState::count)>
    kConnectionStateNames{"hello", "parked", "handshake", "idle", "active", "closing", "relayed", "arriving"};

/// What became of a connection that was to move.
enum class Move : std::uint8_t {
  out,       ///< It went.
  kept,      ///< It stayed, as the other side would not have it, or was not there.
  unable,    ///< It stayed, as it is in no state to go.
  lost,      ///< It is nobody's any more.
  in,        ///< It came.
  given_up,  ///< It was about to come, and did not.
  count
};

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
    Counter cpu_ns;
  };
  /// Sums for the controller (admission/sample.hpp has their meaning), in microseconds or thousandths.
  struct Demand {
    Counter requests, returns, demand_milli, pause_us;
    Counter full, resumed;  ///< Handshakes that ended, failed ones included.
    Counter offered, resuming, admitted, refused;
    Counter connections_new, cpu_connections_new_us, connections_resumed, cpu_connections_resumed_us;
    Counter probes, run_delay_us;  ///< Of the run queue, and their sum.
    Counter run_delay_min_us;      ///< Smallest of the last 100 ms.
    Counter in_flight, in_flight_max;
  };

  explicit Counters(std::size_t interactions) : interaction(interactions) {}

  Counter accepted;
  Per<HelloClass> hellos;
  std::array<Handshakes, static_cast<std::size_t>(HandshakeKind::count)> handshakes;
  Counter handshakes_failed;  ///< Alert, protocol error or a peer that went away; timeouts are limit hits.
  Per<ConnectionState> connections;
  Per<Limit> limit_hits;
  Counter bytes_sent;                   ///< Plaintext of responses.
  std::array<Counter, kWorks> work_ns;  ///< CPU nanoseconds.
  Counter unbooked_ns;                  ///< Of work under way: done, but of no kind yet.
  Counter thread_cpu_ns;                ///< CPU time of the processor's thread, as of the last pulse.
  std::atomic<clockid_t> thread_clock{
      CLOCK_REALTIME};  ///< Of that thread's CPU time; CLOCK_REALTIME: none yet.
  Per<Outcome> outcomes;
  Per<Demotion> demotions;
  Per<Refusal> refusals;
  /// By transport, as in server/departure.hpp.
  std::array<Per<Move>, 3> moves;
  /// For how long connections had nobody who could send: of `fd` those that came, else those that went.
  DurationHistogram blackout;
  Counter accept_pauses;       ///< Times accepting was stopped for a moment.
  Counter sessions_abandoned;  ///< Admitted, and then the client went in the middle of a request.
  Demand demand;
  std::vector<Interaction> interaction;

  void count(Outcome outcome) noexcept { outcomes[static_cast<std::size_t>(outcome)].add(); }
  void hit(Limit limit) noexcept { limit_hits[static_cast<std::size_t>(limit)].add(); }
  void count_request(std::size_t index, unsigned status, double seconds) noexcept {
    std::size_t slot = 0;
    while (slot < kStatusCodes.size() && kStatusCodes[slot] != status) ++slot;
    interaction[index].requests[slot].add();
    interaction[index].duration.observe(seconds);
  }
};

}  // namespace sluice::server
