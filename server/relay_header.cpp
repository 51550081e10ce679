#include "server/relay_header.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <openssl/crypto.h>

namespace sluice::server {

namespace {

constexpr std::string_view kSignature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::string_view kLabel = "relay";
constexpr std::uint8_t kVersionProxy = 0x21;  // version 2, PROXY
constexpr std::uint8_t kTcp4 = 0x11, kTcp6 = 0x21;
constexpr std::uint8_t kVouch = 0xE0;  // the first of those for private use
constexpr std::size_t kHintSize = 8, kMacSize = 24, kVouchSize = kHintSize + 8 + kMacSize;
constexpr std::uint8_t kHandover = 0xE1;
constexpr std::size_t kHandoverSize = 4 + 8 + 8;
constexpr std::size_t kFixedSize = 16;

class Category final : public ErrorCategory {
 public:
  const char* name() const noexcept override { return "sluice.relay"; }
  std::string message(int value) const override {
    switch (static_cast<RelayError>(value)) {
      case RelayError::need_more: return "the header is not whole yet";
      case RelayError::malformed: return "the header is malformed";
      case RelayError::untrusted: return "no member vouches for the header";
    }
    return "unknown error";
  }
};

template <class Address>
Address take_address(ByteReader& in) {
  typename Address::bytes_type bytes{};
  const auto taken = in.take(bytes.size());
  if (taken) std::ranges::copy(*taken, bytes.begin());
  return Address{bytes};
}

/// Client's and local address, then their ports. The local one is of no use to us.
Endpoint take_client(ByteReader& in, bool v6) {
  boost::asio::ip::address client;
  if (v6) {
    client = take_address<boost::asio::ip::address_v6>(in);
    take_address<boost::asio::ip::address_v6>(in);
  } else {
    client = take_address<boost::asio::ip::address_v4>(in);
    take_address<boost::asio::ip::address_v4>(in);
  }
  const auto port = in.u16(), local_port = in.u16();
  return local_port ? Endpoint{client, *port} : Endpoint{};
}

/// `vouch`: the TLV's value, at the end of `header`.
bool vouched(Bytes header, Bytes vouch, const tls::TicketKeyRing& ring, WallSeconds now) {
  ByteReader in{vouch};
  const auto hint = in.take(kHintSize);
  const auto time = in.u64();
  if (!time || in.remaining() != kMacSize) return false;
  const auto present = static_cast<std::uint64_t>(now.time_since_epoch().count());
  const auto age = static_cast<std::uint64_t>(kRelayHeaderAge.count());
  if (*time > present + age || *time + age < present || *time + age < *time) return false;
  const Bytes signed_part = header.first(header.size() - kMacSize);
  return std::ranges::any_of(ring.keys(), [&](const tls::TicketKey& key) {
    tls::TicketKeyMac mac{};
    return std::ranges::equal(*hint, Bytes{key.name}.first(kHintSize)) &&
           mac_with(key, kLabel, signed_part, mac) &&
           CRYPTO_memcmp(mac.data(), in.rest().data(), kMacSize) == 0;
  });
}

template <class Out>
void put_addresses(ByteWriter<Out>& writer, const Endpoint& client, const Endpoint& local) {
  for (const Endpoint* end : {&client, &local}) {
    if (client.address().is_v6()) {
      const auto address = end->address().is_v6() ? end->address().to_v6()
                                                  : boost::asio::ip::make_address_v6(
                                                        boost::asio::ip::v4_mapped, end->address().to_v4());
      writer.bytes(address.to_bytes());
    } else {
      writer.bytes(end->address().is_v4() ? end->address().to_v4().to_bytes()
                                          : boost::asio::ip::address_v4{}.to_bytes());
    }
  }
  writer.u16(client.port()).u16(local.port());
}

}  // namespace

boost::system::error_code make_error_code(RelayError error) noexcept {
  static const Category category;
  return {static_cast<int>(error), category};
}

std::string relay_header(const tls::TicketKey& key, const Endpoint& client, const Endpoint& local,
                         WallSeconds now, const std::optional<HandoverKey>& handover) {
  const bool v6 = client.address().is_v6();
  const std::size_t rest = (v6 ? 36 : 12) + (handover ? 3 + kHandoverSize : 0) + 3 + kVouchSize;
  std::vector<std::uint8_t> bytes;
  ByteWriter writer(bytes);
  writer.bytes(as_bytes(kSignature)).u8(kVersionProxy).u8(v6 ? kTcp6 : kTcp4);
  writer.u16(static_cast<std::uint16_t>(rest));
  put_addresses(writer, client, local);
  if (handover)
    writer.u8(kHandover)
        .u16(kHandoverSize)
        .u32(handover->member)
        .u64(handover->incarnation)
        .u64(handover->id);
  writer.u8(kVouch).u16(kVouchSize).bytes(Bytes{key.name}.first(kHintSize));
  writer.u64(static_cast<std::uint64_t>(now.time_since_epoch().count()));
  tls::TicketKeyMac mac{};
  if (!mac_with(key, kLabel, bytes, mac)) return {};
  writer.bytes(Bytes{mac}.first(kMacSize));
  return {bytes.begin(), bytes.end()};
}

bool begins_relay_header(Bytes bytes) noexcept {
  const Bytes expected = as_bytes(kSignature);
  const std::size_t size = std::min(bytes.size(), expected.size());
  return size > 0 && std::ranges::equal(bytes.first(size), expected.first(size));
}

boost::system::result<RelayedClient> read_relay_header(Bytes bytes, const tls::TicketKeyRing& ring,
                                                       WallSeconds now) {
  if (!begins_relay_header(bytes)) return make_error_code(RelayError::malformed);
  if (bytes.size() < kFixedSize) return make_error_code(RelayError::need_more);
  ByteReader in{bytes.subspan(kSignature.size())};
  const auto version = in.u8(), family = in.u8();
  const std::size_t rest = in.u16().value_or(0);
  const bool v6 = family == kTcp6;
  if (version != kVersionProxy || (!v6 && family != kTcp4) || kFixedSize + rest > kRelayHeaderMax)
    return make_error_code(RelayError::malformed);
  const auto body = in.take(rest);
  if (!body) return make_error_code(RelayError::need_more);
  ByteReader fields{*body};
  const Endpoint client = take_client(fields, v6);
  Bytes vouch;
  std::optional<HandoverKey> handover;
  while (!fields.empty()) {
    const auto type = fields.u8();
    const auto value = fields.vector(2);
    if (!value) return make_error_code(RelayError::malformed);
    if (type == kVouch && fields.empty()) vouch = *value;
    if (type == kHandover && value->size() == kHandoverSize) {
      ByteReader in_value{*value};
      handover.emplace();
      handover->member = *in_value.u32();
      handover->incarnation = *in_value.u64();
      handover->id = *in_value.u64();
    }
  }
  const Bytes header = bytes.first(kFixedSize + rest);
  if (!vouched(header, vouch, ring, now)) return make_error_code(RelayError::untrusted);
  return RelayedClient{.client = client, .handover = handover, .header_size = header.size()};
}

}  // namespace sluice::server
