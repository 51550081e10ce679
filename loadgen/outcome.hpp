#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

/// The vocabulary of what can happen to a request, a connection and a session. The names are those of the
/// JSON.
namespace sluice::loadgen {

/// Latencies, each measured to the end of its phase. `connect` and the handshakes start where they start;
/// `first_byte` and `complete` start at the planned start of the request, so they contain everything a person
/// waits for: our own lag, a connection set up on the way, the queue in front of the server.
enum class Phase : std::uint8_t { connect, handshake_full, handshake_resumed, first_byte, complete };
inline constexpr std::array<std::string_view, 5> kPhaseNames{"connect", "handshake_full", "handshake_resumed",
                                                             "first_byte", "complete"};

/// How far an attempt had come when it failed.
enum class Step : std::uint8_t { connect, handshake, first_byte, body };
inline constexpr std::array<std::string_view, 4> kStepNames{"connect", "handshake", "first_byte", "body"};

/// Why an attempt failed.
enum class Cause : std::uint8_t {
  timeout,      ///< Nothing came to its end within `--timeout`.
  rst,          ///< The peer reset the connection, or nobody listens.
  fin,          ///< The peer closed it, with or without close_notify.
  alert,        ///< A fatal TLS alert.
  http_503,     ///< 503 Service Unavailable or 429 Too Many Requests.
  http_error,   ///< The session ended as it should, but without one good reply: every status was 400 or more.
  tls,          ///< The TLS library refused what the peer sent.
  protocol,     ///< Not HTTP/1.1, or a bound on the size of a head or body was hit.
  unreachable,  ///< No route, network down, or a name that vanished.
  no_ports,     ///< Ours: no local port left.
  no_descriptors,  ///< Ours: no file descriptor left.
};
inline constexpr std::array<std::string_view, 11> kCauseNames{
    "timeout", "rst",      "fin",         "alert",    "http_503",      "http_error",
    "tls",     "protocol", "unreachable", "no_ports", "no_descriptors"};

/// What a client hello offered to resume, read off the wire.
enum class Offer : std::uint8_t { none, session_id, ticket, psk };
inline constexpr std::array<std::string_view, 4> kOfferNames{"none", "session_id", "ticket", "psk"};

/// Hostile clients.
enum class AttackKind : std::uint8_t {
  random_session_id,   ///< TLS 1.2 hello with a session ID nobody issued.
  forged_ticket,       ///< A genuine ticket with a flipped bit: right key name, wrong MAC.
  shared_ticket,       ///< One genuine ticket used by all.
  replay_hello,        ///< The bytes of one resuming hello again and again; can't finish the handshake.
  wrong_binder,        ///< A genuine TLS 1.3 ticket without its secret.
  silent_after_hello,  ///< A hello, then nothing.
  slow_hello,          ///< A hello, byte by byte.
};
inline constexpr std::array<std::string_view, 7> kAttackNames{
    "random-session-id", "forged-ticket",      "shared-ticket", "replay-hello",
    "wrong-binder",      "silent-after-hello", "slow-hello"};

template <class Enum>
constexpr std::size_t at(Enum value) noexcept {
  return static_cast<std::size_t>(value);
}

}  // namespace sluice::loadgen
