#include "server/tls/screen.hpp"

namespace sluice::tls {

std::optional<admission::SessionRecord> Issuer::verify(const Hello& hello, WallSeconds now) const {
  if (hello.offers_tls13) {
    return hello.has_psk ? verify_ticket(hello.token(), TLS1_3_VERSION, now) : std::nullopt;
  }
  // A ticket that does not open is not made good by a session ID: OpenSSL does not look at both either.
  if (hello.has_ticket) return verify_ticket(hello.token(), TLS1_2_VERSION, now);
  return sessions_.record_of(hello.session_id(), now);
}

std::optional<admission::SessionRecord> Issuer::verify_ticket(Bytes ticket, int version,
                                                              WallSeconds now) const {
  if (ticket.empty()) return std::nullopt;
  const std::optional<SecretBytes> der = codec_.open(*keys_.ring(), ticket);
  const Session session = der ? parse_session(der->view()) : nullptr;
  if (!session || !is_live(*session, version, now, session_timeout_)) return std::nullopt;
  return record_in(*session);
}

boost::system::result<Screened> classify(Bytes bytes, const Issuer& issuer, WallSeconds now,
                                         std::size_t hello_max) {
  const auto hello = classify(bytes, hello_max);
  if (!hello) return hello.error();
  return Screened{.hello = *hello, .record = issuer.verify(*hello, now)};
}

}  // namespace sluice::tls
