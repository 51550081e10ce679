#pragma once
#include <optional>

#include "base/bytes.hpp"
#include "loadgen/outcome.hpp"

/// What hellos say about resumption, read off the messages themselves and not off what a library reports.
/// Pure.
namespace sluice::loadgen {

/// A ClientHello as it was sent (RFC 8446 section 4.1.2), the 4 bytes of the handshake header included.
/// `session_id`: that of a stateful TLS 1.2 session we meant to offer, else empty; it tells that offer from
/// the meaningless session ID of TLS 1.3's compatibility mode.
Offer offer_of(Bytes client_hello, Bytes session_id) noexcept;

/// A ServerHello.
struct ServerChoice {
  bool tls13 = false;
  bool retry = false;  ///< HelloRetryRequest: another hello follows.
  bool psk = false;    ///< TLS 1.3: resumed.
  Bytes session_id{};  ///< TLS 1.2: resumed when it is the one of the ClientHello (RFC 5246 section 7.4.1.3).
};
/// None when the bytes are no ServerHello.
std::optional<ServerChoice> choice_of(Bytes server_hello) noexcept;

/// The session ID of a ClientHello; empty when there is none.
Bytes session_id_of(Bytes client_hello) noexcept;

}  // namespace sluice::loadgen
