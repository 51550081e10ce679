#include "cluster/protocol.hpp"

#include <random>
#include <string>

#include <gtest/gtest.h>

namespace sluice::cluster {
namespace {

using namespace std::chrono_literals;
using Buffer = tls::SecretBuffer;

tls::SessionIdBytes id_of(std::uint8_t byte) {
  tls::SessionIdBytes id{};
  id.fill(byte);
  return id;
}

tls::TicketKey key_of(std::uint8_t byte) {
  tls::TicketKey key{.active_at = WallSeconds{1'700'000'000s}, .generation = byte};
  key.name.fill(byte);
  std::fill_n(key.aes.data(), key.aes.size(), static_cast<std::uint8_t>(byte + 1));
  std::fill_n(key.hmac.data(), key.hmac.size(), static_cast<std::uint8_t>(byte + 2));
  return key;
}

tls::SecretBytes state_of(const std::string& text) { return tls::SecretBytes{as_bytes(text)}; }

tls::SessionStore::Word word_of(std::uint8_t byte) {
  return {.id = id_of(byte), .at = byte, .expires_at = WallSeconds{1'700'000'000s}};
}

struct Sample {
  const char* name;
  Message message;
};

std::vector<Sample> samples() {
  Digest digest{.state = MemberState::draining,
                .policy = "session-budget",
                .cpus_milli = 2000,
                .idle_milli = 1500,
                .live_sessions = 7,
                .room_sessions = 13'200,
                .spare_milli = 1'320'000,
                .stored_sessions = 3,
                .keys = 0x0123456789abcdef,
                .clock_ms = 1'700'000'000'123};
  return {
      {"Hello",
       Hello{
           .name = "a", .address = "10.0.0.1:7946", .incarnation = 1'700'000'000'000, .service_port = 8443}},
      {"Goodbye", Goodbye{"a leaves"}},
      {"Digest", digest},
      {"WantKeys", WantKeys{}},
      {"NoKeys", Keys{}},
      {"Keys", Keys{{key_of(1), key_of(2)}}},
      {"Fetch", Fetch{.request = 5, .id = id_of(9)}},
      {"FetchedNothing", Fetched{.request = 5, .ask = 77}},
      {"Fetched", Fetched{.request = 5, .state = state_of("a session")}},
      {"Push", Push{.request = 6, .states = {state_of("one"), state_of(""), state_of("three")}}},
      {"Pushed", Pushed{.request = 6, .taken = 2}},
      {"Moved", Moved{{word_of(1), word_of(2)}}}};
}

Buffer written(const Message& message) {
  Buffer out;
  append(message, out);
  return out;
}

boost::system::result<Message> read(const Buffer& bytes) {
  return decode(bytes[4], Bytes{bytes}.subspan(kHeaderSize));
}

TEST(PeerProtocol, ReadsWhatItWrites) {
  for (const Sample& sample : samples()) {
    const Buffer bytes = written(sample.message);
    const auto message = read(bytes);
    ASSERT_TRUE(message.has_value()) << sample.name;
    EXPECT_EQ(message->index(), sample.message.index()) << sample.name;
    EXPECT_EQ(written(*message), bytes) << sample.name;
  }
}

/// The example of docs/peer-protocol.md.
TEST(PeerProtocol, IsWrittenAsTheDocumentSays) {
  EXPECT_EQ(
      to_hex(written(Hello{
          .name = "a", .address = "10.0.0.1:7946", .incarnation = 0x018bcfe56800, .service_port = 8443})),
      "0000002301"                    // 35 bytes follow, hello
      "736c75696365"                  // "sluice"
      "0100"                          // version 1.0
      "0161"                          // "a"
      "0d31302e302e302e313a37393436"  // "10.0.0.1:7946"
      "0000018bcfe56800"              // 2023-11-14 22:13:20 UTC
      "20fb");                        // 8443
  EXPECT_EQ(to_hex(written(Pushed{.request = 6, .taken = 2})), "00000009090000000600000002");
}

TEST(PeerProtocol, FieldsOfALaterMinorVersionAreLeftAlone) {
  for (const Sample& sample : samples()) {
    Buffer bytes = written(sample.message);
    const Buffer as_it_was = bytes;
    bytes.insert(bytes.end(), {1, 2, 3});
    const auto message = read(bytes);
    ASSERT_TRUE(message.has_value()) << sample.name;
    EXPECT_EQ(written(*message), as_it_was) << sample.name;
  }
}

TEST(PeerProtocol, TypesOfALaterMinorVersionAreSkipped) {
  Inbox inbox;
  const std::uint8_t later[] = {0, 0, 0, 3, kOptional + 7, 'x', 'y'};
  inbox.add(later);
  inbox.add(written(WantKeys{}));
  const auto first = inbox.next();
  ASSERT_TRUE(first.has_value() && first->has_value());
  EXPECT_EQ(std::get<Unknown>(**first).type, kOptional + 7);
  const auto second = inbox.next();
  ASSERT_TRUE(second.has_value() && second->has_value());
  EXPECT_TRUE(std::holds_alternative<WantKeys>(**second));
}

TEST(PeerProtocol, OfAnotherMajorVersionOnlyTheNumberIsRead) {
  Buffer bytes = written(Hello{.name = "a", .address = "b:1", .incarnation = 1});
  bytes[kHeaderSize + 6] = 2;
  bytes.resize(kHeaderSize + 8);
  const auto message = read(bytes);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(std::get<Hello>(*message).major, 2);
}

TEST(PeerProtocol, NothingTruncatedIsTaken) {
  for (const Sample& sample : samples()) {
    const Buffer bytes = written(sample.message);
    for (std::size_t size = kHeaderSize; size < bytes.size(); ++size) {
      const auto message = decode(bytes[4], Bytes{bytes}.subspan(kHeaderSize, size - kHeaderSize));
      ASSERT_FALSE(message.has_value()) << sample.name << " of " << size;
      EXPECT_EQ(message.error(), ProtocolError::malformed) << sample.name << " of " << size;
    }
  }
}

struct BadCase {
  const char* name;
  std::string hex;  ///< Length, type, body.
  ProtocolError error;
};
class Bad : public testing::TestWithParam<BadCase> {};

TEST_P(Bad, IsRefused) {
  const std::string bytes = from_hex(GetParam().hex).value();
  Inbox inbox;
  inbox.add(as_bytes(bytes));
  const auto next = inbox.next();
  ASSERT_FALSE(next.has_value());
  EXPECT_EQ(next.error(), GetParam().error);
  EXPECT_FALSE(next.error().message().empty());
}

INSTANTIATE_TEST_SUITE_P(
    PeerProtocol, Bad,
    testing::Values(
        BadCase{"NoType", "00000000", ProtocolError::malformed},
        BadCase{"LongerThanTheBound", "0000fffd01", ProtocolError::too_long},
        BadCase{"FourGigabytes", "ffffffff01", ProtocolError::too_long},
        BadCase{"TypeZero", "0000000100", ProtocolError::unknown_type},
        BadCase{"TypeBelowTheOptional", "000000017f", ProtocolError::unknown_type},
        BadCase{"HelloOfSomethingElse", "0000000901534c5549434501000161", ProtocolError::malformed},
        BadCase{"HelloWithoutAName", "0000001301736c756963650100000000000000000000000001",
                ProtocolError::malformed},
        BadCase{"SeventeenKeys", "000000020511", ProtocolError::malformed},
        BadCase{"DigestOfNoState", "0000002e0300" + std::string(2 * 44, '0'), ProtocolError::malformed}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(PeerProtocol, ComesInAnyPieces) {
  Buffer stream;
  for (const Sample& sample : samples()) append(sample.message, stream);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{64}, stream.size()}) {
    Inbox inbox;
    Buffer again;
    for (Bytes rest{stream}; !rest.empty();) {
      const auto now = rest.first(std::min(piece, rest.size()));
      rest = rest.subspan(now.size());
      inbox.add(now);
      for (auto next = inbox.next(); next.has_value() && next->has_value(); next = inbox.next())
        append(**next, again);
    }
    EXPECT_EQ(again, stream) << "in pieces of " << piece;
  }
}

TEST(PeerProtocol, FlippedBitsAreReadAsSomethingOrRefused) {
  std::mt19937 random(7);
  for (const Sample& sample : samples()) {
    const Buffer good = written(sample.message);
    for (int round = 0; round < 500; ++round) {
      Buffer bytes = good;
      for (int flips = 0; flips < 3; ++flips) bytes[random() % bytes.size()] ^= 1U << random() % 8;
      Inbox inbox;
      inbox.add(bytes);
      while (true) {
        const auto next = inbox.next();
        if (!next.has_value() || !next->has_value()) break;
        if (!std::holds_alternative<Unknown>(**next)) written(**next);
      }
    }
  }
}

TEST(PeerProtocolDeath, LongerMessagesAreNotWritten) {
  Push push;
  for (int i = 0; i < 70; ++i) push.states.push_back(state_of(std::string(1000, 'x')));
  EXPECT_DEATH(written(push), "");
}

}  // namespace
}  // namespace sluice::cluster
