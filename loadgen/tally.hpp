#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "base/histogram.hpp"
#include "loadgen/outcome.hpp"

/// What was counted. Everything here only grows and can be added up: over seconds, threads and generators.
namespace sluice::loadgen {

struct SessionTally {
  std::uint64_t started = 0;                                ///< Arrived, whatever became of them.
  std::uint64_t admitted = 0;                               ///< Got their first good reply.
  std::uint64_t completed = 0;                              ///< Came to the end the model wanted.
  std::uint64_t unfinished = 0;                             ///< Still going on when the run ended.
  std::array<std::uint64_t, kCauseNames.size()> refused{};  ///< Ended before the first good reply.
  std::array<std::array<std::uint64_t, kCauseNames.size()>, kStepNames.size()>
      abandoned{};                                            ///< Ended after it.
  std::array<Histogram, kCauseNames.size()> time_to_refusal;  ///< From the planned start to giving up.
  Histogram duration;                                         ///< Of completed sessions.
  std::uint64_t attempts = 0;  ///< Tries of all users to get a page: requests planned, plus retries.
  std::uint64_t retries = 0;   ///< Of these, by the retry model.

  void add(const SessionTally& other);
  std::uint64_t refused_total() const noexcept;
  std::uint64_t abandoned_total() const noexcept;
  /// Sessions that came to an end of some kind.
  std::uint64_t ended() const noexcept { return completed + refused_total() + abandoned_total(); }
  /// Those of which is known whether the server took them. Unlike those started, no part of a run counts more
  /// of them refused than there are: some began before it.
  std::uint64_t decided() const noexcept { return admitted + refused_total(); }
  /// Admitted ones that came to an end, in this part of a run.
  std::uint64_t admitted_ended() const noexcept { return completed + abandoned_total(); }
};

struct RequestTally {
  std::uint64_t sent = 0;           ///< Handed to the connection; includes images, redirects and repetitions.
  std::uint64_t replies = 0;        ///< Complete responses of any status.
  std::uint64_t ok = 0;             ///< Of these, status below 400.
  std::uint64_t client_errors = 0;  ///< 4xx without 429.
  std::uint64_t server_errors = 0;  ///< 5xx without 503.
  std::uint64_t busy = 0;           ///< 503 and 429.
  std::uint64_t unsent =
      0;  ///< Request mode at a rate: due, but still waiting for their connection at the end.
  std::uint64_t failed = 0;  ///< No complete response.
  std::uint64_t resent = 0;  ///< Sent again on a new connection, as the server had just closed the old one.
  std::uint64_t images = 0;  ///< Of `sent`, embedded images.
  std::uint64_t redirects = 0;    ///< Of `sent`, redirects followed.
  std::uint64_t pages_error = 0;  ///< Pages of a RUBiS model with the mark ERROR.
  std::uint64_t pages_sorry = 0;  ///< Pages of a RUBiS model with the mark Sorry.
  std::uint64_t goodput = 0;      ///< Good replies to sessions that completed.
  std::uint64_t wasted = 0;       ///< Good replies to sessions that were abandoned later.
  std::uint64_t bytes_sent = 0;   ///< Request heads, before encryption.
  std::uint64_t bytes_received =
      0;                         ///< Response heads and bodies, before encryption; also of those cut short.
  std::uint64_t body_bytes = 0;  ///< Of these, bodies without their framing.

  void add(const RequestTally& other);
};

/// One TLS version's ledger of resumption, read off the wire.
struct ResumptionTally {
  std::array<std::uint64_t, kOfferNames.size()> offered{};   ///< Client hellos by what they offered.
  std::array<std::uint64_t, kOfferNames.size()> accepted{};  ///< Of these, resumed by the server.
  std::array<std::uint64_t, kOfferNames.size()> declined{};  ///< Finished as full handshakes.

  void add(const ResumptionTally& other);
};

struct ConnectionTally {
  std::uint64_t attempted = 0;           ///< connect() called.
  std::uint64_t established = 0;         ///< TCP connections.
  std::uint64_t handshakes_full = 0;     ///< Finished.
  std::uint64_t handshakes_resumed = 0;  ///< Finished.
  std::uint64_t handshakes_failed = 0;
  std::uint64_t wasted_full = 0;  ///< Of the finished ones, for sessions that were abandoned later.
  std::uint64_t wasted_resumed = 0;
  std::uint64_t closed_idle = 0;              ///< Closed by the server between requests.
  std::uint64_t closed_by_us = 0;             ///< At the end of a session.
  std::array<ResumptionTally, 2> resumption;  ///< TLS 1.2, TLS 1.3.

  void add(const ConnectionTally& other);
};

/// One kind of page of the model.
struct StateTally {
  std::uint64_t replies = 0;
  std::uint64_t errors = 0;  ///< Failed, status of 400 or more, or the mark ERROR.
  Histogram complete;

  void add(const StateTally& other);
};

struct AttackTally {
  std::uint64_t started = 0;     ///< Connections tried.
  std::uint64_t handshakes = 0;  ///< Finished handshakes the attacker got out of it.
  std::uint64_t resumed = 0;     ///< Of these, resumed ones.
  std::uint64_t answered =
      0;  ///< The server sent handshake bytes (its expensive flight), handshake not finished.
  std::uint64_t alert = 0;   ///< Turned away by a fatal alert.
  std::uint64_t rst = 0;     ///< By a reset.
  std::uint64_t fin = 0;     ///< By a close.
  std::uint64_t held = 0;    ///< Neither answered nor turned away within the timeout.
  std::uint64_t failed = 0;  ///< Could not even connect.

  void add(const AttackTally& other);
};

/// All of it. Latencies only count attempts, so their counts can differ from those of the requests.
struct Tally {
  SessionTally sessions;
  RequestTally requests;
  ConnectionTally connections;
  std::array<Histogram, kPhaseNames.size()>
      latency;                     ///< A request that timed out is in `complete` at its timeout.
  Histogram lag;                   ///< How late our own timers fired: planned start to actual start.
  std::vector<StateTally> states;  ///< By state of the model; as many as it has.
  std::array<AttackTally, kAttackNames.size()> attacks;

  void add(const Tally& other);
};

}  // namespace sluice::loadgen
