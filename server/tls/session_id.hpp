#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.hpp"
#include "server/tls/ticket_keys.hpp"

/// Session IDs of TLS 1.2 (RFC 5246 section 7.4.1.2) that name the member who made them:
///
///     hint[1]  random[11]  owner[4]  HMAC-SHA256("session id", all before)[16]
///
/// The MAC is under the ticket key whose name begins with `hint`, which every member knows. So a stranger can
/// make nobody ask another member for a session.
namespace sluice::tls {

inline constexpr std::size_t kSessionIdSize = 32;
using SessionIdBytes = std::array<std::uint8_t, kSessionIdSize>;

/// A member of the cluster, by its name. 0: none, a server that stands alone.
using MemberNumber = std::uint32_t;
/// Of a member's name: never 0, and hardly ever the same for two.
MemberNumber number_of_member(std::string_view name) noexcept;

/// False when OpenSSL has no randomness.
bool make_session_id(const TicketKey& key, MemberNumber owner, SessionIdBytes& id) noexcept;

/// Who made it; `nullopt` unless it was a member, with a key of the ring.
std::optional<MemberNumber> owner_of(const TicketKeyRing& ring, Bytes id) noexcept;

}  // namespace sluice::tls
