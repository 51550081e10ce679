#include "server/connection_image.hpp"

#include <utility>

namespace sluice::server {

namespace {

/// Version of the encoding; of SESS_OBJ, where the paper's is 1.
constexpr std::uint8_t kVersion = 2;
constexpr std::size_t kNameMax = 255, kPathMax = 16 * 1024;

enum Flag : std::uint8_t { kBeganFull = 1, kHasRest = 2, kKeepAlive = 4, kHasFile = 8 };

std::uint8_t flags_of(const ConnectionImage& image) noexcept {
  std::uint8_t flags = image.began_full ? kBeganFull : 0;
  if (!image.rest) return flags;
  flags |= kHasRest;
  if (image.rest->keep_alive) flags |= kKeepAlive;
  if (image.rest->file) flags |= kHasFile;
  return flags;
}

/// More than can be, whatever the lengths are.
bool fits(const ConnectionImage& image) noexcept {
  std::size_t size = 1024 + image.tls.received.size() + image.tls.unsent.size() + image.pending.size();
  if (image.rest) size += image.rest->bytes.size();
  if (image.rest && image.rest->file) {
    if (image.rest->file->path.size() > kPathMax || image.rest->file->etag.size() > kNameMax) return false;
    size += image.rest->file->path.size() + image.rest->file->etag.size();
  }
  return size <= kImageMax && image.server_name.size() <= kNameMax && image.client.size() <= 64 &&
         image.local.size() <= 64;
}

void encode_rest(const ResponseRest& rest, ByteWriter<tls::SecretBuffer>& writer) {
  writer.vector(3, as_bytes(rest.bytes));
  if (!rest.file) return;
  writer.vector(2, as_bytes(rest.file->path)).vector(1, as_bytes(rest.file->etag));
  writer.u64(rest.file->offset).u64(rest.file->size);
}

std::optional<ResponseRest> decode_rest(ByteReader& reader, std::uint8_t flags) {
  ResponseRest rest{.keep_alive = (flags & kKeepAlive) != 0};
  const auto bytes = reader.vector(3);
  if (!bytes) return std::nullopt;
  rest.bytes = to_text(*bytes);
  if ((flags & kHasFile) == 0) return rest;
  const auto path = reader.vector(2);
  const auto etag = reader.vector(1);
  const auto offset = reader.u64();
  const auto size = reader.u64();
  if (!path || !etag || !offset || !size || path->size() > kPathMax || path->empty()) return std::nullopt;
  if (*size == 0 || *offset > UINT64_MAX - *size) return std::nullopt;
  rest.file = {.path = to_text(*path), .etag = to_text(*etag), .offset = *offset, .size = *size};
  return rest;
}

/// The parts behind the stream.
bool decode_http(ByteReader& reader, std::uint8_t flags, ConnectionImage& image) {
  const auto server_name = reader.vector(1);
  const auto pending = reader.vector(3);
  const auto requests = reader.u64();
  if (!server_name || !pending || !requests) return false;
  image.server_name = to_text(*server_name);
  image.pending = to_text(*pending);
  image.requests = *requests;
  image.began_full = (flags & kBeganFull) != 0;
  if ((flags & kHasRest) != 0) {
    image.rest = decode_rest(reader, flags);
    if (!image.rest) return false;
  } else if ((flags & (kKeepAlive | kHasFile)) != 0) {
    return false;
  }
  const auto record = reader.vector(1);
  if (!record) return false;
  if (!record->empty()) image.record = admission::decode_session_record(*record);
  return record->empty() || image.record;
}

}  // namespace

bool encode(const ConnectionImage& image, tls::SecretBuffer& out) {
  if (!fits(image)) return false;
  ByteWriter writer(out);
  writer.u8(kVersion).u8(flags_of(image)).u16(image.moves).u64(image.frozen_at_ns);
  writer.vector(1, as_bytes(image.client)).vector(1, as_bytes(image.local));
  tls::encode(image.tls, out);
  writer.vector(1, as_bytes(image.server_name)).vector(3, as_bytes(image.pending)).u64(image.requests);
  if (image.rest) encode_rest(*image.rest, writer);
  if (image.record) {
    writer.vector(1, admission::encode(*image.record));
  } else {
    writer.u8(0);
  }
  return true;
}

std::optional<ConnectionImage> decode_connection_image(Bytes bytes) {
  if (bytes.size() > kImageMax) return std::nullopt;
  ByteReader reader{bytes};
  const auto version = reader.u8();
  const auto flags = reader.u8();
  const auto moves = reader.u16();
  const auto frozen_at = reader.u64();
  const auto client = reader.vector(1);
  const auto local = reader.vector(1);
  if (version != kVersion || !flags || *flags > 15 || !moves || !frozen_at || !client || !local)
    return std::nullopt;
  if (client->size() > 64 || local->size() > 64) return std::nullopt;
  ConnectionImage image;
  image.moves = *moves;
  image.frozen_at_ns = *frozen_at;
  image.client = to_text(*client);
  image.local = to_text(*local);
  auto stream = tls::decode_stream_state(reader);
  if (!stream) return std::nullopt;
  image.tls = *std::move(stream);
  if (!decode_http(reader, *flags, image) || !reader.empty()) return std::nullopt;
  return image;
}

}  // namespace sluice::server
