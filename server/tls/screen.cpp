#include "server/tls/screen.hpp"

#include "server/tls/session_facts.hpp"

namespace sluice::tls {

Proof Issuer::verify(const Hello& hello, WallSeconds now) const {
  if (hello.offers_tls13) return hello.has_psk ? verify_ticket(hello.token(), TLS1_3_VERSION, now) : Proof{};
  // A ticket that does not open is not made good by a session ID: OpenSSL does not look at both either.
  if (hello.has_ticket) return verify_ticket(hello.token(), TLS1_2_VERSION, now);
  return verify_session_id(hello.session_id(), now);
}

Proof Issuer::verify_session_id(Bytes id, WallSeconds now) const {
  Proof proof{.record = sessions_.record_of(id, now)};
  if (proof.record || self_ == 0) return proof;
  const auto owner = owner_of(*keys_.ring(), id);
  if (!owner) return proof;
  const MemberNumber taker = sessions_.given_to(id, now);
  proof.elsewhere = taker != 0 ? taker : *owner;
  return proof;
}

Proof Issuer::verify_ticket(Bytes ticket, int version, WallSeconds now) const {
  const auto ring = keys_.ring();
  const TicketKey* key = key_named(*ring, ticket);
  if (key == nullptr) return {};
  const std::optional<SecretBytes> der = codec_.open(*key, ticket);
  if (!der) return {.forged = true};
  const auto facts = facts_of(der->view());
  if (!facts || !facts->live(version, now, session_timeout_)) return {};
  return {.record = facts->record};
}

boost::system::result<Screened> classify(Bytes bytes, const Issuer& issuer, WallSeconds now,
                                         std::size_t hello_max) {
  const auto hello = classify(bytes, hello_max);
  if (!hello) return hello.error();
  return Screened{.hello = *hello, .proof = issuer.verify(*hello, now)};
}

}  // namespace sluice::tls
