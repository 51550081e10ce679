#include "cluster/protocol.hpp"

#include <random>
#include <string>

#include <gtest/gtest.h>

namespace sluice::cluster {

namespace asio = boost::asio;

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

/// The example of docs/peer-protocol.md.
Prepare prepare() {
  return {.handover = 7,
          .transport = Transport::repair,
          .client = {asio::ip::make_address("192.0.2.9"), 50'000},
          .local = {asio::ip::make_address("10.0.0.1"), 8443},
          .image_size = 1400,
          .place = "m1"};
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
                .clock_ms = 1'700'000'000'123,
                .connections = 2000,
                .takes = 1000};
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
      {"Moved", Moved{{word_of(1), word_of(2)}}},
      {"Prepare", prepare()},
      {"PrepareOfIpv6", Prepare{.handover = 1,
                                .transport = Transport::fd,
                                .client = {asio::ip::make_address("2001:db8::9"), 50'000},
                                .local = {asio::ip::make_address("2001:db8::1"), 8443},
                                .image_size = 1400}},
      {"PrepareOfALaterTransport", Prepare{.handover = 1, .transport = static_cast<Transport>(9)}},
      {"Prepared", Prepared{7, "m2"}},
      {"State", State{.handover = 7, .image = state_of("an image"), .tcp = state_of("its queues")}},
      {"StateWithoutTcp", State{.handover = 7, .image = state_of("an image")}},
      {"Ready", Ready{7}},
      {"Commit", Commit{7}},
      {"Cancel", Cancel{.handover = 7, .from = Cancel::Side::source, .reason = "no time left"}},
      {"Refusal", Cancel{.handover = 7, .from = Cancel::Side::target, .reason = ""}}};
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

/// The examples of docs/peer-protocol.md.
TEST(PeerProtocol, IsWrittenAsTheDocumentSays) {
  EXPECT_EQ(
      to_hex(written(Hello{
          .name = "a", .address = "10.0.0.1:7946", .incarnation = 0x018bcfe56800, .service_port = 8443})),
      "0000002301"                    // 35 bytes follow, hello
      "736c75696365"                  // "sluice"
      "0101"                          // version 1.1
      "0161"                          // "a"
      "0d31302e302e302e313a37393436"  // "10.0.0.1:7946"
      "0000018bcfe56800"              // 2023-11-14 22:13:20 UTC
      "20fb");                        // 8443
  EXPECT_EQ(to_hex(written(Pushed{.request = 6, .taken = 2})), "00000009090000000600000002");
  EXPECT_EQ(to_hex(written(prepare())),
            "0000001f80"        // 31 bytes follow, prepare
            "0000000000000007"  // the source's seventh hand-over
            "03"                // by TCP_REPAIR
            "04c0000209c350"    // the client is 192.0.2.9:50000
            "040a00000120fb"    // and came to 10.0.0.1:8443
            "00000578"          // with an image of 1400 bytes
            "026d31");          // the source takes frames at "m1"
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

Buffer with_length(Buffer bytes) {
  const std::size_t length = bytes.size() - 4;
  for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<std::uint8_t>(length >> (24 - 8 * i));
  return bytes;
}

TEST(PeerProtocol, TheLargestStatePasses) {
  const Buffer largest = written(State{
      .handover = 7, .image = tls::SecretBytes(State::kImageMax), .tcp = tls::SecretBytes(State::kTcpMax)});
  EXPECT_EQ(largest.size(), kStateMax);
  Inbox inbox;
  inbox.add(largest);
  inbox.add(written(WantKeys{}));
  const auto state = inbox.next();
  ASSERT_TRUE(state.has_value() && state->has_value());
  EXPECT_EQ(written(**state), largest);
  EXPECT_TRUE(std::holds_alternative<WantKeys>(*inbox.next().value()));
}

/// Also what a later version has behind what we know is bounded.
TEST(PeerProtocol, NoMessageIsLongerThanOneOfItsTypeMayBe) {
  for (const Sample& sample : samples()) {
    Buffer bytes = written(sample.message);
    const bool state = std::holds_alternative<State>(sample.message);
    bytes.resize(state ? kStateMax : kMessageMax);
    Inbox inbox;
    inbox.add(with_length(bytes));
    EXPECT_TRUE(inbox.next().has_value()) << sample.name;
    bytes.push_back(0);
    inbox.add(with_length(bytes));
    const auto longer = inbox.next();
    ASSERT_FALSE(longer.has_value()) << sample.name;
    EXPECT_EQ(longer.error(), ProtocolError::too_long) << sample.name;
  }
}

/// Nothing is kept for a message that can't be.
TEST(PeerProtocol, ALengthThatNoTypeHasIsRefusedBeforeItsTypeIsHere) {
  Inbox inbox;
  const std::uint8_t longest[] = {0, 0x13, 0, 0x11 + 0};  // kStateMax - 4
  static_assert(kStateMax - 4 == 0x130011);
  inbox.add(longest);
  EXPECT_TRUE(inbox.next().has_value());
  Inbox other;
  const std::uint8_t longer[] = {0, 0x13, 0, 0x12};
  other.add(longer);
  const auto next = other.next();
  ASSERT_FALSE(next.has_value());
  EXPECT_EQ(next.error(), ProtocolError::too_long);
}

TEST(PeerProtocol, OfAnotherMajorVersionOnlyTheNumberIsRead) {
  Buffer bytes = written(Hello{.name = "a", .address = "b:1", .incarnation = 1});
  bytes[kHeaderSize + 6] = 2;
  bytes.resize(kHeaderSize + 8);
  const auto message = read(bytes);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(std::get<Hello>(*message).major, 2);
}

constexpr std::size_t kDigestSince11 = 8;

TEST(PeerProtocol, ADigestOfTheFirstVersionTakesNoConnections) {
  Buffer bytes = written(Digest{.stored_sessions = 3, .clock_ms = 7, .connections = 2000, .takes = 1000});
  bytes.resize(bytes.size() - kDigestSince11);
  const auto message = read(bytes);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(std::get<Digest>(*message), (Digest{.stored_sessions = 3, .clock_ms = 7}));
}

TEST(PeerProtocol, NothingTruncatedIsTaken) {
  for (const Sample& sample : samples()) {
    const Buffer bytes = written(sample.message);
    const bool digest = std::holds_alternative<Digest>(sample.message);
    for (std::size_t size = kHeaderSize; size < bytes.size(); ++size) {
      if (digest && size == bytes.size() - kDigestSince11) continue;
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
        BadCase{"LongerThanTheBoundOfOptionals", "0000fffd80", ProtocolError::too_long},
        BadCase{"LongerThanTheBoundOfUnknowns", "0000fffdff", ProtocolError::too_long},
        BadCase{"StateLongerThanItsBound", "0013001282", ProtocolError::too_long},
        BadCase{"HandOverZero", "00000009810000000000000000", ProtocolError::malformed},
        BadCase{"ClientOfAnotherFamily", "0000001c8000000000000000070305c0000209c350040a00000120fb00000578",
                ProtocolError::malformed},
        BadCase{"ImageLongerThanItsBound",
                "00030012820000000000000007"
                "00030001" +
                    std::string(2 * 0x30005, '0'),
                ProtocolError::malformed},
        BadCase{"ImageOfFourGigabytes",
                "0000001182"
                "0000000000000007"
                "ffffffff"
                "00000000",
                ProtocolError::malformed},
        BadCase{"TcpLongerThanItsBound",
                "00100012820000000000000007"
                "00000000"
                "00100001" +
                    std::string(2 * 0x100001, '0'),
                ProtocolError::malformed},
        BadCase{"CancelOfNoSide",
                "0000000b85"
                "0000000000000007"
                "0300",
                ProtocolError::malformed},
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
  EXPECT_DEATH(written(State{.handover = 1, .image = tls::SecretBytes(State::kImageMax + 1)}), "");
  EXPECT_DEATH(written(State{.handover = 1, .tcp = tls::SecretBytes(State::kTcpMax + 1)}), "");
}

}  // namespace
}  // namespace sluice::cluster
