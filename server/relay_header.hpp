#pragma once
#include <optional>
#include <string>

#include <boost/system/result.hpp>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "server/handover_key.hpp"
#include "server/listener.hpp"
#include "server/tls/ticket_keys.hpp"

/// What a member sends ahead of the bytes of a client that it relays to another: the PROXY protocol, version
/// 2 (Tarreau & Nehse, "The PROXY protocol", section 2.2), with a TLV of our own (section 2.2.7) that shows
/// it is from a member:
///
///     0xE0  length[2]=40  key hint[8]  time[8]  HMAC-SHA256("relay", all before)[24]
///
/// under the ticket key whose name begins with the hint; and in front of it, where the bytes are of a
/// connection that lives and is handed over (server/expected.hpp):
///
///     0xE1  length[2]=20  member[4]  incarnation[8]  hand-over[8]
///
///  Without it, or when it is older than
/// `kRelayHeaderAge`, the header is nobody's word. No socket, no clock.
namespace sluice::server {

inline constexpr std::chrono::seconds kRelayHeaderAge{30};  ///< As members' clocks may differ.
inline constexpr std::size_t kRelayHeaderMax = 256;

/// `client` and `local`: of the connection that is relayed. Empty when OpenSSL can't.
std::string relay_header(const tls::TicketKey& key, const Endpoint& client, const Endpoint& local,
                         WallSeconds now, const std::optional<HandoverKey>& handover = std::nullopt);

enum class RelayError {
  need_more = 1,  ///< What is there is a good beginning.
  malformed,
  untrusted,  ///< Nobody vouches for it, or did so long ago.
};
boost::system::error_code make_error_code(RelayError error) noexcept;

/// Whether a connection begins like that; no TLS connection does.
bool begins_relay_header(Bytes bytes) noexcept;

struct RelayedClient {
  Endpoint client{};
  std::optional<HandoverKey> handover{};
  std::size_t header_size = 0;
};
boost::system::result<RelayedClient> read_relay_header(Bytes bytes, const tls::TicketKeyRing& ring,
                                                       WallSeconds now);

}  // namespace sluice::server

template <>
struct boost::system::is_error_code_enum<sluice::server::RelayError> : std::true_type {};
