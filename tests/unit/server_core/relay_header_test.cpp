#include "server/relay_header.hpp"

#include <gtest/gtest.h>

namespace sluice::server {
namespace {

using namespace std::chrono_literals;

constexpr WallSeconds kNow{1'700'000'000s};

const tls::TicketKey kKey = tls::make_ticket_key(kNow);
const tls::TicketKeyRing kRing{kKey};

std::string header_of(const std::string& client, const std::string& local = "127.0.0.1:8443") {
  return relay_header(kKey, parse_endpoint(client), parse_endpoint(local), kNow);
}

TEST(RelayHeaderOfAHandover, NamesIt) {
  const HandoverKey key{.member = 0x01020304, .incarnation = 0x1122334455667788, .id = 77};
  const std::string header =
      relay_header(kKey, parse_endpoint("192.0.2.7:50123"), parse_endpoint("127.0.0.1:8443"), kNow, key);
  const auto read = read_relay_header(as_bytes(header), kRing, kNow);
  ASSERT_TRUE(read.has_value()) << read.error().message();
  EXPECT_EQ(read->handover, key);
  EXPECT_EQ(endpoint_text(read->client), "192.0.2.7:50123");
  for (std::size_t bit = 0; bit < 8 * header.size(); ++bit) {
    std::string other = header;
    other[bit / 8] = static_cast<char>(other[bit / 8] ^ 1 << bit % 8);
    EXPECT_FALSE(read_relay_header(as_bytes(other), kRing, kNow).has_value()) << "bit " << bit;
  }
  EXPECT_FALSE(read_relay_header(as_bytes(header_of("192.0.2.7:50123")), kRing, kNow)->handover);
}

class RelayHeader : public testing::TestWithParam<const char*> {};

TEST_P(RelayHeader, NamesTheClient) {
  const std::string header = header_of(GetParam());
  const auto read = read_relay_header(as_bytes(header + "\x16\x03\x01"), kRing, kNow);
  ASSERT_TRUE(read.has_value()) << read.error().message();
  EXPECT_EQ(endpoint_text(read->client), GetParam());
  EXPECT_EQ(read->header_size, header.size());
}

TEST_P(RelayHeader, MayComeInPieces) {
  const std::string header = header_of(GetParam());
  for (std::size_t size = 1; size < header.size(); ++size) {
    EXPECT_TRUE(begins_relay_header(as_bytes(header.substr(0, size))));
    const auto read = read_relay_header(as_bytes(header.substr(0, size)), kRing, kNow);
    ASSERT_FALSE(read.has_value());
    EXPECT_EQ(read.error(), RelayError::need_more) << size;
  }
}

TEST_P(RelayHeader, NoBitOfItCanBeChanged) {
  const std::string header = header_of(GetParam());
  for (std::size_t bit = 0; bit < 8 * header.size(); ++bit) {
    std::string other = header;
    other[bit / 8] = static_cast<char>(other[bit / 8] ^ 1 << bit % 8);
    const auto read = read_relay_header(as_bytes(other), kRing, kNow);
    EXPECT_FALSE(read.has_value()) << "bit " << bit;
  }
}

INSTANTIATE_TEST_SUITE_P(Families, RelayHeader, testing::Values("192.0.2.7:50123", "[2001:db8::7]:50123"));

TEST(RelayHeaderTrust, EndsWithTimeAndWithTheKey) {
  const std::string header = header_of("192.0.2.7:50123");
  for (const auto late : {0s, 30s, -30s})
    EXPECT_TRUE(read_relay_header(as_bytes(header), kRing, kNow + late).has_value());
  for (const auto late : {31s, -31s}) {
    const auto read = read_relay_header(as_bytes(header), kRing, kNow + late);
    ASSERT_FALSE(read.has_value());
    EXPECT_EQ(read.error(), RelayError::untrusted);
  }
  EXPECT_FALSE(read_relay_header(as_bytes(header), tls::TicketKeyRing{tls::make_ticket_key(kNow)}, kNow));
}

/// As HAProxy's `send-proxy-v2` writes it: nobody vouches for it here.
TEST(RelayHeaderTrust, APlainProxyHeaderIsNobodysWord) {
  const std::string header = std::string("\r\n\r\n\0\r\nQUIT\n", 12) + std::string("\x21\x11\0\x0c", 4) +
                             std::string("\x7f\0\0\1\x7f\0\0\1\x12\x34\x20\xfb", 12);
  const auto read = read_relay_header(as_bytes(header), kRing, kNow);
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error(), RelayError::untrusted);
}

TEST(RelayHeaderTrust, WhatIsNoneIsMalformed) {
  const std::string signature("\r\n\r\n\0\r\nQUIT\n", 12);
  for (const std::string& bytes :
       {std::string("\x16\x03\x01"), std::string("GET / HTTP/1.1"),
        signature + std::string("\x11\x11\0\x0c", 4), signature + std::string("\x21\x31\0\x0c", 4),
        signature + std::string("\x21\x11\xff\xff", 4)}) {
    const auto read = read_relay_header(as_bytes(bytes), kRing, kNow);
    ASSERT_FALSE(read.has_value());
    EXPECT_EQ(read.error(), RelayError::malformed);
  }
}

TEST(RelayHeaderTrust, OfMappedAddressesIsReadAgain) {
  const auto read = read_relay_header(as_bytes(header_of("[2001:db8::7]:1", "127.0.0.1:2")), kRing, kNow);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(endpoint_text(read->client), "[2001:db8::7]:1");
}

}  // namespace
}  // namespace sluice::server
