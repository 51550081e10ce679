#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "server/tls/record_keys.hpp"
#include "server/tls/secret.hpp"
#include "server/tls/session_id.hpp"

/// A connection's TLS behind the handshake, between two calls of its stream: the other TlsStream, in another
/// process, goes on from there.
namespace sluice::tls {

struct StreamState {
  RecordState keys{};
  std::string received{};                      ///< Off the socket and not opened: a part of a record.
  std::string unsent{};                        ///< Sealed, and not given to the socket.
  std::optional<SessionIdBytes> session_id{};  ///< Of the session that goes when the peer breaks the rules.
  bool resumed = false;
};

/// Appends it to `out`:
///
///     suite[2]  2 * ( secret<0..48> key<0..32> iv<0..12> sequence[8] explicit-nonce[8] ) received<0..2^16-1>
///     unsent<0..2^24-1>  session-id<0..32>  resumed[1]
///
/// what is read first, with vectors as in RFC 8446 section 3.4.
void encode(const StreamState& state, SecretBuffer& out);

/// `nullopt` unless a state with a suite of ours, and keys of its sizes, is at the front of `reader`.
std::optional<StreamState> decode_stream_state(ByteReader& reader);

}  // namespace sluice::tls
