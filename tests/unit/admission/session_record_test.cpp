#include "admission/session_record.hpp"

#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::admission {
namespace {

using namespace std::chrono_literals;

const SessionRecord kRecord{.id = {0x1122334455667788, 0x99aabbccddeeff00},
                            .admitted_at = WallSeconds{0x65432100s},
                            .epoch = 0x01020304};

TEST(Record, IsLaidOutAsItsHeaderSays) {
  const EncodedSessionRecord expected{
      1,    1,    0,    0,                             // version, class, zero
      1,    2,    3,    4,                             // epoch
      0,    0,    0,    0,    0x65, 0x43, 0x21, 0x00,  // admitted at
      0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88,  // id
      0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x00,
  };
  EXPECT_EQ(encode(kRecord), expected);
  EXPECT_EQ(decode_session_record(expected), kRecord);
}

struct BadByte {
  const char* name;
  std::size_t at;
};
class BadRecord : public testing::TestWithParam<BadByte> {};

TEST_P(BadRecord, IsNoneWithAnyOtherValueInThisByte) {
  const auto good = encode(kRecord);
  for (int value = 0; value < 256; ++value) {
    auto bytes = good;
    bytes[GetParam().at] = static_cast<std::uint8_t>(value);
    EXPECT_EQ(decode_session_record(bytes).has_value(), bytes == good) << value;
  }
}
INSTANTIATE_TEST_SUITE_P(Admission, BadRecord,
                         testing::Values(BadByte{"Version", 0}, BadByte{"Class", 1}, BadByte{"FirstZero", 2},
                                         BadByte{"SecondZero", 3}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(Record, HasOneSize) {
  const auto good = encode(kRecord);
  std::vector<std::uint8_t> bytes(good.begin(), good.end());
  bytes.push_back(0);
  for (std::size_t size = 0; size <= bytes.size(); ++size)
    EXPECT_EQ(decode_session_record(Bytes{bytes}.first(size)).has_value(), size == kSessionRecordSize)
        << size;
}

TEST(RecordProperty, IsDecodedAsItWasEncoded) {
  std::mt19937_64 random{1};
  for (int i = 0; i < 10'000; ++i) {
    const SessionRecord record{
        .id = {random(), random()},
        .admitted_at = WallSeconds{std::chrono::seconds{static_cast<std::int64_t>(random())}},
        .epoch = static_cast<std::uint32_t>(random())};
    EXPECT_EQ(decode_session_record(encode(record)), record);
  }
  for (const auto time : {WallSeconds::min(), WallSeconds::max(), WallSeconds{-1s}})
    EXPECT_EQ(decode_session_record(encode({.admitted_at = time}))->admitted_at, time);
}

/// So that no two encodings mean the same: nothing of it is ignored.
TEST(RecordProperty, EachByteMatters) {
  const auto good = encode(kRecord);
  for (std::size_t at = 0; at < good.size(); ++at) {
    auto bytes = good;
    bytes[at] ^= 0x80;
    EXPECT_NE(decode_session_record(bytes), kRecord) << at;
  }
}

}  // namespace
}  // namespace sluice::admission
