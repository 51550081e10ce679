#include "server/connection_image.hpp"

#include "server/tls/record_layer.hpp"

#include <gtest/gtest.h>

namespace sluice::server {
namespace {

template <std::size_t N>
void fill(tls::Secret<N>& secret, std::size_t size, std::uint8_t first) {
  for (std::size_t i = 0; i < size; ++i) secret.data()[i] = static_cast<std::uint8_t>(first + i);
}

tls::RecordKeys keys_of(const tls::Suite& suite, std::uint8_t first) {
  tls::RecordKeys keys{.suite = suite, .sequence = std::uint64_t{1234567} + first};
  if (suite.tls13()) fill(keys.secret, suite.hash_size(), first);
  fill(keys.key, suite.key_size(), static_cast<std::uint8_t>(first + 50));
  fill(keys.iv, suite.iv_size(), static_cast<std::uint8_t>(first + 100));
  if (suite.explicit_nonce()) keys.explicit_nonce = 0xfedcba9876543210U;
  return keys;
}

constexpr std::uint16_t kSuites[]{0x1301, 0x1302, 0x1303, 0xc02b, 0xc02c, 0xc02f, 0xc030, 0xcca8, 0xcca9};

ConnectionImage image_of(std::uint16_t id) {
  const tls::Suite suite = tls::suite_of(id).value();
  ConnectionImage image{
      .moves = 3,
      .frozen_at_ns = 42,
      .client = "127.0.0.1:40000",
      .local = "[2001:db8::1]:443",
      .tls = {.keys = {.read = keys_of(suite, 1), .write = keys_of(suite, 7)},
              .received = "half a record",
              .unsent = "sealed",
              .resumed = true},
      .server_name = "shop.example",
      .pending = "GET / HTTP/1.1\r\n",
      .requests = 17,
      .rest = ResponseRest{.bytes = "the rest",
                           .keep_alive = true,
                           .file = ResponseRest::File{"/large", "\"1-2\"", 4096, 1 << 20}},
      .record = admission::SessionRecord{.id = {1, 2}, .admitted_at = WallSeconds{}, .epoch = 0},
      .began_full = true};
  if (!suite.tls13()) image.tls.session_id.emplace().fill(9);
  return image;
}

tls::SecretBuffer written(const ConnectionImage& image) {
  tls::SecretBuffer bytes;
  EXPECT_TRUE(encode(image, bytes));
  return bytes;
}

TEST(ConnectionImage, ReadsWhatItWritesForEverySuite) {
  for (const std::uint16_t id : kSuites) {
    const auto image = image_of(id);
    const auto bytes = written(image);
    const auto read = decode_connection_image(bytes);
    ASSERT_TRUE(read) << std::hex << id;
    EXPECT_EQ(written(*read), bytes) << std::hex << id;
    EXPECT_EQ(read->tls.keys.write.sequence, image.tls.keys.write.sequence);
    EXPECT_EQ(read->tls.keys.write.explicit_nonce, image.tls.keys.write.explicit_nonce);
    EXPECT_EQ(read->tls.session_id, image.tls.session_id);
    EXPECT_EQ(read->rest, image.rest);
    EXPECT_EQ(read->record, image.record);
    EXPECT_EQ(read->pending, image.pending);
  }
}

TEST(ConnectionImage, WithoutWhatNeedNotBe) {
  auto image = image_of(0x1301);
  image.rest.reset();
  image.record.reset();
  image.server_name.clear();
  image.began_full = false;
  const auto read = decode_connection_image(written(image));
  ASSERT_TRUE(read);
  EXPECT_FALSE(read->rest);
  EXPECT_FALSE(read->record);
  EXPECT_FALSE(read->began_full);
  image.rest.emplace().bytes = "only bytes";
  EXPECT_EQ(decode_connection_image(written(image))->rest, image.rest);
}

/// A layer that goes on where another stopped, and what its peer makes of it.
TEST(ConnectionImage, RecordsGoOn) {
  for (const std::uint16_t id : kSuites) {
    auto image = image_of(id);
    std::swap(image.tls.keys.read, image.tls.keys.write);  // as the peer has them
    tls::AeadCache cache{8};
    tls::RecordLayer peer({.read = image.tls.keys.read, .write = image.tls.keys.write}, cache);
    const auto moved = decode_connection_image(written(image_of(id)));
    ASSERT_TRUE(moved);
    tls::RecordLayer layer(moved->tls.keys, cache);
    std::vector<std::uint8_t> record(200);
    const std::string said = "said by the new owner";
    record.resize(layer.seal(as_bytes(said), record));
    std::string reply;
    const auto opened = peer.open(record, reply);
    ASSERT_EQ(opened.what, tls::Opened::What::data) << std::hex << id;
    EXPECT_EQ(std::string(opened.data.begin(), opened.data.end()), said);
  }
}

TEST(ConnectionImage, NothingShorterOrLongerIsOne) {
  const auto bytes = written(image_of(0xc02b));
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(decode_connection_image(Bytes{bytes}.first(size))) << size;
  auto longer = bytes;
  longer.push_back(0);
  EXPECT_FALSE(decode_connection_image(longer));
}

TEST(ConnectionImage, NothingElseIsOne) {
  const auto good = written(image_of(0x1301));
  const auto with = [&good](std::size_t at, std::uint8_t value) {
    auto bytes = good;
    bytes[at] = value;
    return decode_connection_image(bytes).has_value();
  };
  EXPECT_TRUE(with(3, 4)) << "another number of moves";
  EXPECT_FALSE(with(0, 1)) << "another version";
  EXPECT_FALSE(with(0, 3));
  EXPECT_FALSE(with(1, 16 + 15)) << "an unknown flag";
  EXPECT_FALSE(with(1, 1)) << "a rest that no flag tells of";
  EXPECT_FALSE(with(1, 8)) << "a file without a rest";
  const std::size_t suite = 1 + 1 + 2 + 8 + 1 + 15 + 1 + 17;
  EXPECT_FALSE(with(suite + 1, 0x99)) << "an unknown suite";
  EXPECT_FALSE(with(suite + 1, 0x02)) << "keys of another suite's size";
}

TEST(ConnectionImage, IsBounded) {
  auto image = image_of(0x1301);
  tls::SecretBuffer bytes{1, 2, 3};
  image.pending.assign(kImageMax, 'x');
  EXPECT_FALSE(encode(image, bytes));
  EXPECT_EQ(bytes.size(), 3U) << "nothing was appended";
  image.pending.clear();
  image.tls.received.assign(tls::kRecordMax + 1, 'x');
  EXPECT_FALSE(decode_connection_image(written(image))) << "more than a part of a record";
  image.tls.received.clear();
  image.tls.unsent.assign(91 * 1024, 'x');
  EXPECT_FALSE(decode_connection_image(written(image))) << "more than fits the buffer of one write";
  image.tls.unsent.clear();
  image.rest->file->offset = UINT64_MAX - 10;
  EXPECT_FALSE(decode_connection_image(written(image))) << "beyond any file";
}

}  // namespace
}  // namespace sluice::server
