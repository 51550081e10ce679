#include "cluster/tcp/messages.hpp"

#include <random>

#include <gtest/gtest.h>

#include "tests/unit/cluster_tcp/samples.hpp"

namespace sluice::cluster::tcp {
namespace {

const Place kPlace{.mac = {2, 0, 0, 0, 0, 1}, .director = at("10.0.0.1:7950")};

std::vector<Message> samples() {
  return {Hello{},
          Hold{.id = 1, .flow = flow_v4(), .source = kPlace},
          Hold{.id = 2, .flow = flow_v6(), .source = {}},
          Restore{3},
          Live{4},
          Cancel{5},
          DumpSocket{.id = 6, .target = kPlace},
          RollBack{7},
          Forget{8},
          Settle{9},
          Welcome{.place = kPlace},
          IsDone{.id = 1, .at_ns = 5, .remark = "but"},
          Refused{.id = 1, .why = "no"},
          Restored{3},
          Dumped{.id = 6, .at_ns = 7}};
}

std::size_t beside(const Message& message) { return carries_descriptor(message) ? 1 : 0; }

TEST(TcpMessages, ReadsWhatItWrites) {
  for (const Message& message : samples()) {
    const auto bytes = encode(message);
    ASSERT_LE(bytes.size(), kMessageMax);
    const auto again = decode(bytes, beside(message));
    ASSERT_TRUE(again.has_value()) << "type " << int{bytes[0]};
    EXPECT_EQ(again->index(), message.index());
    EXPECT_EQ(encode(*again), bytes);
  }
}

/// The table of messages.hpp.
TEST(TcpMessages, AreWrittenAsTheHeaderSays) {
  EXPECT_EQ(to_hex(encode(Hello{})), "01736c756963652d74637001");
  EXPECT_EQ(to_hex(encode(Hold{.id = 1, .flow = flow_v4(), .source = kPlace})),
            "020000000000000001"
            "00000000000000000000ffff0a0000019c4000000000000000000000ffff0a00000901bb"
            "02000000000100000000000000000000ffff0a0000011f0e");
  EXPECT_EQ(to_hex(encode(IsDone{.id = 1, .at_ns = 2, .remark = "a"})),
            "41000000000000000100000000000000020161");
}

TEST(TcpMessages, NothingShorterOrLongerIsTaken) {
  for (const Message& message : samples()) {
    auto bytes = encode(message);
    for (std::size_t size = 0; size < bytes.size(); ++size)
      EXPECT_FALSE(decode(Bytes{bytes}.first(size), beside(message)).has_value())
          << int{bytes[0]} << " " << size;
    bytes.push_back(0);
    EXPECT_EQ(decode(bytes, beside(message)).error(), MessageError::malformed);
  }
}

TEST(TcpMessages, DescriptorsComeWithTheirMessagesOnly) {
  for (const Message& message : samples()) {
    EXPECT_EQ(decode(encode(message), 1 - beside(message)).error(), MessageError::wrong_rights);
    EXPECT_EQ(decode(encode(message), 2).error(), MessageError::wrong_rights);
  }
}

TEST(TcpMessages, OtherVersionsAreNamed) {
  EXPECT_EQ(decode(encode(Hello{.version = 2}), 0).error(), MessageError::other_version);
  EXPECT_EQ(decode(encode(Welcome{.version = 0}), 0).error(), MessageError::other_version);
}

TEST(TcpMessages, UnknownTypesAndMixedFamiliesAreRefused) {
  for (const std::uint8_t type : {0, 10, 63, 69, 255})
    EXPECT_EQ(decode(std::vector<std::uint8_t>{type}, 0).error(), MessageError::unknown_type);
  Hold mixed{.id = 1, .flow = {flow_v4().client, flow_v6().local}};
  EXPECT_EQ(decode(encode(mixed), 0).error(), MessageError::malformed);
  Hold portless{.id = 1, .flow = flow_v4()};
  portless.flow.client.port = 0;
  EXPECT_EQ(decode(encode(portless), 0).error(), MessageError::malformed);
}

TEST(TcpMessages, LongWordsAreCut) {
  const auto message = decode(encode(Refused{.id = 1, .why = std::string(1000, 'x')}), 0);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(std::get<Refused>(*message).why, std::string(kWordsMax, 'x'));
}

}  // namespace
}  // namespace sluice::cluster::tcp
