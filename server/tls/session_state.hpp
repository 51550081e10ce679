#pragma once
#include <cstddef>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "server/tls/session_id.hpp"
#include "server/tls/session_store.hpp"

/// SESS_OBJ of Hatsugai & Saito (AINA 2007, section 3.2) for a session that is not connected: what another
/// member needs to resume it. The paper's protocol version, cipher suite, session ID and master secret stand
/// in the session as OpenSSL writes it, with whether the extended master secret (RFC 7627) was used and for
/// which name; sequence numbers, randoms and keys belong to a connection and are made anew by each. The
/// admission record travels along. A login needs nothing: the shop keeps it in its database.
///
///     version[1]=1  id[32]  expires[8]  record<0..255>  session<0..2^16-1>
namespace sluice::tls {

struct SessionState {
  SessionIdBytes id{};
  StoredSession session{};
};

/// Longest encoding.
inline constexpr std::size_t kSessionStateMax =
    1 + kSessionIdSize + 8 + 1 + 255 + 2 + SessionStore::kSessionMax;

/// Appends it to `out`.
void encode(const SessionState& state, SecretBuffer& out);

/// `nullopt` unless `bytes` is one whole state of our version: the session parses, is of TLS 1.2, has this
/// ID, and does not live longer than `session_timeout` from `now`.
std::optional<SessionState> decode_session_state(Bytes bytes, WallSeconds now,
                                                 std::chrono::seconds session_timeout);

}  // namespace sluice::tls
