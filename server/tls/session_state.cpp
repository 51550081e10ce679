#include "server/tls/session_state.hpp"

#include <algorithm>

#include "server/tls/ticket.hpp"

namespace sluice::tls {

namespace {

constexpr std::uint8_t kVersion = 1;

bool fits(SSL_SESSION& session, Bytes id) noexcept {
  unsigned size = 0;
  const unsigned char* const own = SSL_SESSION_get_id(&session, &size);
  return SSL_SESSION_get_protocol_version(&session) == TLS1_2_VERSION &&
         std::ranges::equal(Bytes{own, size}, id);
}

}  // namespace

void encode(const SessionState& state, SecretBuffer& out) {
  ByteWriter writer(out);
  writer.u8(kVersion).bytes(state.id).u64(
      static_cast<std::uint64_t>(state.session.expires_at.time_since_epoch().count()));
  if (state.session.record) {
    writer.vector(1, admission::encode(*state.session.record));
  } else {
    writer.u8(0);
  }
  writer.vector(2, state.session.der.view());
}

std::optional<SessionState> decode_session_state(Bytes bytes, WallSeconds now,
                                                 std::chrono::seconds session_timeout) {
  ByteReader reader{bytes};
  const auto version = reader.u8();
  const auto id = reader.take(kSessionIdSize);
  const auto expires = reader.u64();
  const auto record = reader.vector(1);
  const auto der = reader.vector(2);
  if (version != kVersion || !id || !expires || !record || !der || !reader.empty()) return std::nullopt;
  if (der->size() > SessionStore::kSessionMax || *expires > INT64_MAX) return std::nullopt;
  SessionState state;
  std::ranges::copy(*id, state.id.begin());
  state.session.expires_at = WallSeconds{std::chrono::seconds{static_cast<std::int64_t>(*expires)}};
  if (state.session.expires_at < now || state.session.expires_at - now > session_timeout) return std::nullopt;
  if (!record->empty()) {
    state.session.record = admission::decode_session_record(*record);
    if (!state.session.record) return std::nullopt;
  }
  const Session session = parse_session(*der);
  if (!session || !fits(*session, *id)) return std::nullopt;
  state.session.der = SecretBytes{*der};
  return state;
}

}  // namespace sluice::tls
