#include "base/bytes.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(ByteReader, ReadsBigEndianNumbers) {
  const std::uint8_t bytes[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07};
  ByteReader reader{bytes};
  EXPECT_EQ(reader.u8(), 0x01);
  EXPECT_EQ(reader.u16(), 0x0203);
  EXPECT_EQ(reader.u24(), 0x040506u);
  EXPECT_EQ(reader.remaining(), 1u);
  EXPECT_FALSE(reader.empty());
}

TEST(ByteReader, StaysWhereItWasWhenThereIsNotEnough) {
  const std::uint8_t bytes[] = {0xff, 0xff};
  ByteReader reader{bytes};
  EXPECT_FALSE(reader.u24());
  EXPECT_FALSE(reader.take(3));
  EXPECT_FALSE(reader.vector(1));  // says 255 bytes, has one
  EXPECT_FALSE(reader.vector(3));  // not even a length
  EXPECT_EQ(reader.u16(), 0xffff);
  EXPECT_TRUE(reader.empty());
  EXPECT_FALSE(reader.u8());
}

TEST(ByteReader, ReadsVectorsOfEveryLengthWidth) {
  const std::uint8_t bytes[] = {1, 'a', 0, 1, 'b', 0, 0, 2, 'c', 'd', 0};
  ByteReader reader{bytes};
  const auto text = [](std::optional<Bytes> vector) {
    return vector ? std::string(vector->begin(), vector->end()) : std::string{"nothing"};
  };
  EXPECT_EQ(text(reader.vector(1)), "a");
  EXPECT_EQ(text(reader.vector(2)), "b");
  EXPECT_EQ(text(reader.vector(3)), "cd");
  EXPECT_EQ(text(reader.vector(1)), "");
  EXPECT_TRUE(reader.empty());
}

TEST(Hex, GoesThereAndBack) {
  const std::string bytes{"\x00\x7f\x80\xff", 4};
  EXPECT_EQ(to_hex(as_bytes(bytes)), "007f80ff");
  EXPECT_EQ(from_hex("007f80ff"), bytes);
  EXPECT_EQ(from_hex("007F80FF"), bytes);
  EXPECT_EQ(from_hex(""), "");
}

TEST(Hex, RefusesWhatIsNotHexadecimal) {
  for (const char* text : {"0", "0g", "g0", "0x", " 0", "-1", "00 "}) EXPECT_FALSE(from_hex(text)) << text;
}

}  // namespace
}  // namespace sluice
