#pragma once
#include <chrono>
#include <optional>

#include <boost/system/result.hpp>

#include "admission/session_record.hpp"
#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "server/tls/client_hello.hpp"
#include "server/tls/session_store.hpp"
#include "server/tls/ticket.hpp"
#include "server/tls/ticket_keys.hpp"

/// Tells new visitors from returning ones before the handshake (the paper's extension of JSSE), in two
/// stages:
///
/// 1. Here, from the peeked hello, for some microseconds: only what this server issued itself, unexpired and
///    unchanged to the last bit, counts as returning. It decides what a connection may claim while it waits.
/// 2. HandshakeGuard, from within the handshake, with what OpenSSL makes of the same hello: no private key
///    works without its grant. It has the last word; in particular a ticket can be copied, and only the
///    handshake shows who knows its secret.
namespace sluice::tls {

/// What a hello's ticket or session ID is worth.
struct Proof {
  std::optional<admission::SessionRecord> record{};  ///< Verified: the visitor returns.
  /// It names a key of ours, which did not seal it: no client comes by such a ticket, it is made.
  bool forged = false;
  /// It is a session ID of the cluster, whose session is not here, but perhaps at that member; 0: nowhere.
  MemberNumber elsewhere = 0;
  bool operator==(const Proof&) const = default;
};

/// Knows what this server issued. For any thread, like the keys and the store it borrows.
class Issuer {
 public:
  Issuer(const TicketCodec& codec, const TicketKeys& keys, const SessionStore& sessions, MemberNumber self,
         std::chrono::seconds session_timeout) noexcept
      : codec_(codec), keys_(keys), sessions_(sessions), self_(self), session_timeout_(session_timeout) {}

  /// What the visitor shows; nothing for those who are new. TLS 1.3: the
  /// first PSK identity must be a ticket of ours; the session ID of its compatibility mode means nothing.
  /// TLS 1.2: the ticket, or without a ticket the session ID of a stored session. Symmetric cryptography
  /// only; changes nothing.
  Proof verify(const Hello& hello, WallSeconds now) const;

 private:
  Proof verify_ticket(Bytes ticket, int version, WallSeconds now) const;
  Proof verify_session_id(Bytes id, WallSeconds now) const;

  const TicketCodec& codec_;
  const TicketKeys& keys_;
  const SessionStore& sessions_;
  MemberNumber self_;
  std::chrono::seconds session_timeout_;
};

struct Screened {
  Hello hello{};
  Proof proof{};
  bool operator==(const Screened&) const = default;
};

/// classify(), and verify() on what it read. Errors and their meaning are those of classify() without issuer.
boost::system::result<Screened> classify(Bytes bytes, const Issuer& issuer, WallSeconds now,
                                         std::size_t hello_max = kHelloMax);

}  // namespace sluice::tls
