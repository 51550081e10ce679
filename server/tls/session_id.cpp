#include "server/tls/session_id.hpp"

#include <algorithm>

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

namespace sluice::tls {

namespace {

constexpr std::string_view kLabel = "session id";
constexpr std::size_t kRandomEnd = 12, kOwnerEnd = 16;
constexpr std::size_t kMacSize = kSessionIdSize - kOwnerEnd;

/// Of what stands before the MAC.
bool mac_of(const TicketKey& key, Bytes id, TicketKeyMac& mac) noexcept {
  return mac_with(key, kLabel, id.first(kOwnerEnd), mac);
}

}  // namespace

MemberNumber number_of_member(std::string_view name) noexcept {
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
  SHA256(as_bytes(name).data(), name.size(), digest.data());
  const MemberNumber number = ByteReader{digest}.u32().value_or(0);
  return number == 0 ? 1 : number;
}

bool make_session_id(const TicketKey& key, MemberNumber owner, SessionIdBytes& id) noexcept {
  if (RAND_bytes(id.data(), kRandomEnd) != 1) return false;
  id[0] = key.name[0];
  for (std::size_t i = 0; i < 4; ++i) id[kRandomEnd + i] = static_cast<std::uint8_t>(owner >> (24 - 8 * i));
  TicketKeyMac mac{};
  if (!mac_of(key, id, mac)) return false;
  std::copy_n(mac.begin(), kMacSize, id.begin() + kOwnerEnd);
  return true;
}

std::optional<MemberNumber> owner_of(const TicketKeyRing& ring, Bytes id) noexcept {
  if (id.size() != kSessionIdSize) return std::nullopt;
  for (const TicketKey& key : ring.keys()) {
    TicketKeyMac mac{};
    if (key.name[0] != id[0] || !mac_of(key, id, mac)) continue;
    if (CRYPTO_memcmp(mac.data(), id.data() + kOwnerEnd, kMacSize) == 0)
      return ByteReader{id.subspan(kRandomEnd, 4)}.u32();
  }
  return std::nullopt;
}

}  // namespace sluice::tls
