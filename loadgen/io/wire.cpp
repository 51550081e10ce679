#include "loadgen/io/wire.hpp"

#include <algorithm>
#include <array>

namespace sluice::loadgen {
namespace {

constexpr std::uint16_t kSessionTicket = 35;  // RFC 5077
constexpr std::uint16_t kPreSharedKey = 41;   // RFC 8446 section 4.2.11
constexpr std::uint16_t kSupportedVersions = 43;
constexpr std::uint16_t kTls13 = 0x0304;

// RFC 8446 section 4.1.3: the random of a HelloRetryRequest.
constexpr std::array<std::uint8_t, 32> kRetryRandom{
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91,
    0xC2, 0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C};

/// The fields both hellos begin with; the reader is left behind the session ID.
struct Start {
  Bytes random, session_id;
};

std::optional<Start> read_start(ByteReader& reader, std::uint8_t type) noexcept {
  if (reader.u8() != type || !reader.u24() || !reader.u16()) return std::nullopt;
  const auto random = reader.take(32);
  const auto session_id = reader.vector(1);
  if (!random || !session_id) return std::nullopt;
  return Start{*random, *session_id};
}

/// Calls `found(type, content)` for each extension.
template <class Found>
void each_extension(ByteReader& reader, Found found) noexcept {
  const auto all = reader.vector(2);
  if (!all) return;
  ByteReader extensions{*all};
  while (const auto type = extensions.u16()) {
    const auto content = extensions.vector(2);
    if (!content) return;
    found(*type, *content);
  }
}

}  // namespace

Offer offer_of(Bytes client_hello, Bytes session_id) noexcept {
  ByteReader reader{client_hello};
  const auto start = read_start(reader, 1);
  if (!start || !reader.vector(2) || !reader.vector(1)) return Offer::none;
  bool psk = false, ticket = false;
  each_extension(reader, [&](std::uint16_t type, Bytes content) {
    psk |= type == kPreSharedKey;
    ticket |= type == kSessionTicket && !content.empty();
  });
  if (psk) return Offer::psk;
  if (ticket) return Offer::ticket;
  return !session_id.empty() && std::ranges::equal(start->session_id, session_id) ? Offer::session_id
                                                                                  : Offer::none;
}

std::optional<ServerChoice> choice_of(Bytes server_hello) noexcept {
  ByteReader reader{server_hello};
  const auto start = read_start(reader, 2);
  if (!start || !reader.u16() || !reader.u8()) return std::nullopt;
  ServerChoice choice{.retry = std::ranges::equal(start->random, kRetryRandom),
                      .session_id = start->session_id};
  each_extension(reader, [&](std::uint16_t type, Bytes content) {
    choice.psk |= type == kPreSharedKey;
    choice.tls13 |= type == kSupportedVersions && ByteReader{content}.u16() == kTls13;
  });
  return choice;
}

Bytes session_id_of(Bytes client_hello) noexcept {
  ByteReader reader{client_hello};
  const auto start = read_start(reader, 1);
  return start ? start->session_id : Bytes{};
}

}  // namespace sluice::loadgen
