#pragma once
#include <array>
#include <concepts>
#include <string_view>
#include <type_traits>

#include "loadgen/result.hpp"

/// The members of a result by name, listed once for the writer and the reader of its JSON.
///
/// `fields(visitor, object)` calls `visitor(name, member)` for each, and `visitor(name, array, names...)` for
/// arrays whose elements have names (one list of names for each dimension). The object may be const.
namespace sluice::loadgen::report {

template <class T, class Plain>
concept Either = std::same_as<std::remove_const_t<T>, Plain>;

inline constexpr std::array<std::string_view, 2> kTlsNames{"tls_1_2", "tls_1_3"};
inline constexpr std::array<std::string_view, 3> kVerdictNames{"valid", "client_limited",
                                                               "server_not_saturated"};

template <class Visitor, Either<Setup> T>
void fields(Visitor&& v, T& x) {
  v("version", x.version), v("target", x.target), v("mode", x.mode), v("load", x.load), v("model", x.model);
  v("think", x.think), v("tls", x.tls), v("resume", x.resume), v("retry", x.retry), v("attack", x.attack);
  v("started_at", x.started_at), v("label", x.label);
  v("timeout_s", x.timeout_s), v("warmup_s", x.warmup_s), v("duration_s", x.duration_s);
  v("offered_per_s", x.offered_per_s), v("seed", x.seed);
  v("threads", x.threads), v("generators", x.generators), v("states", x.states);
}

template <class Visitor, Either<SessionTally> T>
void fields(Visitor&& v, T& x) {
  v("started", x.started), v("admitted", x.admitted), v("completed", x.completed);
  v("unfinished", x.unfinished);
  v("refused", x.refused, kCauseNames), v("abandoned", x.abandoned, kStepNames, kCauseNames);
  v("time_to_refusal", x.time_to_refusal, kCauseNames), v("duration", x.duration);
  v("attempts", x.attempts), v("retries", x.retries);
}

template <class Visitor, Either<RequestTally> T>
void fields(Visitor&& v, T& x) {
  v("sent", x.sent), v("replies", x.replies), v("ok", x.ok), v("client_errors", x.client_errors);
  v("server_errors", x.server_errors), v("busy", x.busy), v("unsent", x.unsent), v("failed", x.failed),
      v("resent", x.resent);
  v("images", x.images), v("redirects", x.redirects), v("pages_error", x.pages_error);
  v("pages_sorry", x.pages_sorry), v("goodput", x.goodput), v("wasted", x.wasted);
  v("bytes_sent", x.bytes_sent), v("bytes_received", x.bytes_received), v("body_bytes", x.body_bytes);
}

template <class Visitor, Either<ResumptionTally> T>
void fields(Visitor&& v, T& x) {
  v("offered", x.offered, kOfferNames), v("accepted", x.accepted, kOfferNames);
  v("declined", x.declined, kOfferNames);
}

template <class Visitor, Either<ConnectionTally> T>
void fields(Visitor&& v, T& x) {
  v("attempted", x.attempted), v("established", x.established), v("handshakes_full", x.handshakes_full);
  v("handshakes_resumed", x.handshakes_resumed), v("handshakes_failed", x.handshakes_failed);
  v("wasted_full", x.wasted_full), v("wasted_resumed", x.wasted_resumed);
  v("closed_idle", x.closed_idle), v("closed_by_us", x.closed_by_us);
  v("resumption", x.resumption, kTlsNames);
}

template <class Visitor, Either<StateTally> T>
void fields(Visitor&& v, T& x) {
  v("replies", x.replies), v("errors", x.errors), v("complete", x.complete);
}

template <class Visitor, Either<AttackTally> T>
void fields(Visitor&& v, T& x) {
  v("started", x.started), v("handshakes", x.handshakes), v("resumed", x.resumed);
  v("answered", x.answered), v("alert", x.alert), v("rst", x.rst), v("fin", x.fin), v("held", x.held);
  v("failed", x.failed);
}

/// Without `states`, whose names are in the setup.
template <class Visitor, Either<Tally> T>
void fields(Visitor&& v, T& x) {
  v("sessions", x.sessions), v("requests", x.requests), v("connections", x.connections);
  v("latency", x.latency, kPhaseNames), v("lag", x.lag), v("attacks", x.attacks, kAttackNames);
}

template <class Visitor, Either<TimeBin> T>
void fields(Visitor&& v, T& x) {
  v("t", x.t), v("planned", x.planned), v("started", x.started), v("admitted", x.admitted);
  v("completed", x.completed), v("abandoned", x.abandoned), v("refused_rst", x.refused_rst);
  v("refused_fin", x.refused_fin), v("refused_alert", x.refused_alert), v("refused_503", x.refused_503);
  v("refused_timeout", x.refused_timeout), v("refused_other", x.refused_other), v("requests", x.requests);
  v("replies", x.replies), v("errors", x.errors), v("handshakes_full", x.handshakes_full);
  v("handshakes_resumed", x.handshakes_resumed), v("bytes_received", x.bytes_received);
  v("attacks", x.attacks), v("live_sessions", x.live_sessions), v("in_flight", x.in_flight);
  v("connections", x.connections), v("mean_ms", x.mean_ms), v("p50_ms", x.p50_ms), v("p95_ms", x.p95_ms);
  v("p99_ms", x.p99_ms), v("lag_p99_ms", x.lag_p99_ms), v("own_cpu", x.own_cpu);
}

template <class Visitor, Either<ServerView::Point> T>
void fields(Visitor&& v, T& x) {
  v("t", x.t), v("values", x.values);
}

template <class Visitor, Either<ServerView> T>
void fields(Visitor&& v, T& x) {
  v("url", x.url), v("scrapes_failed", x.scrapes_failed), v("points", x.points), v("totals", x.totals);
}

}  // namespace sluice::loadgen::report
