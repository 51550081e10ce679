#include "server/tls/key_export.hpp"

#include <algorithm>

#include "server/tls/record_layer.hpp"

namespace sluice::tls {

namespace {

std::optional<RecordState> export_tls13(const Suite& suite, const TrafficSecrets& secrets,
                                        const Flights& flights) {
  if (!secrets.has_client || !secrets.has_server) return std::nullopt;
  RecordState state{.read = keys_from_traffic_secret(suite, {secrets.client.data(), suite.hash_size()}),
                    .write = keys_from_traffic_secret(suite, {secrets.server.data(), suite.hash_size()})};
  state.write.sequence = flights.records();
  return state;
}

std::optional<RecordState> export_tls12(const Suite& suite, const TrafficSecrets& secrets,
                                        const Flights& flights) {
  auto state = keys_from_key_block(suite, {secrets.key_block.data(), secrets.key_block_size});
  if (state && suite.explicit_nonce()) state->write.explicit_nonce = flights.nonce() + 1;
  return state;
}

}  // namespace

void Flights::note(Bytes flight) noexcept {
  records_ = 0;
  while (flight.size() >= kRecordHeaderSize) {
    const std::size_t size = kRecordHeaderSize + (static_cast<std::size_t>(flight[3]) << 8 | flight[4]);
    const Bytes content = flight.first(std::min(size, flight.size())).subspan(kRecordHeaderSize);
    flight = flight.subspan(std::min(size, flight.size()));
    ++records_;
    nonce_ = 0;
    for (const std::uint8_t byte : content.first(std::min(content.size(), kGcmExplicitNonceSize)))
      nonce_ = nonce_ << 8 | byte;
  }
}

std::optional<RecordState> export_keys(SSL& ssl, const TrafficSecrets& secrets, const Flights& flights) {
  const SSL_CIPHER* const cipher = SSL_get_current_cipher(&ssl);
  if (cipher == nullptr) return std::nullopt;
  const auto suite = suite_of(SSL_CIPHER_get_protocol_id(cipher));
  if (!suite || suite->tls13() != (SSL_version(&ssl) == TLS1_3_VERSION)) return std::nullopt;
  return suite->tls13() ? export_tls13(*suite, secrets, flights) : export_tls12(*suite, secrets, flights);
}

}  // namespace sluice::tls
