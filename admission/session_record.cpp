#include "admission/session_record.hpp"

namespace sluice::admission {

namespace {

constexpr std::uint8_t kVersion = 1;

void put(std::uint8_t* to, std::uint64_t value, std::size_t width) noexcept {
  for (std::size_t i = 0; i < width; ++i) to[i] = static_cast<std::uint8_t>(value >> (8 * (width - 1 - i)));
}

std::uint64_t get(const std::uint8_t* from, std::size_t width) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < width; ++i) value = value << 8 | from[i];
  return value;
}

}  // namespace

EncodedSessionRecord encode(const SessionRecord& record) noexcept {
  EncodedSessionRecord bytes{};
  bytes[0] = kVersion;
  bytes[1] = static_cast<std::uint8_t>(record.session_class);
  put(&bytes[4], record.epoch, 4);
  put(&bytes[8], static_cast<std::uint64_t>(record.admitted_at.time_since_epoch().count()), 8);
  put(&bytes[16], record.id.high, 8);
  put(&bytes[24], record.id.low, 8);
  return bytes;
}

std::optional<SessionRecord> decode_session_record(Bytes bytes) noexcept {
  if (bytes.size() != kSessionRecordSize || bytes[0] != kVersion) return std::nullopt;
  if (bytes[1] != static_cast<std::uint8_t>(SessionClass::visitor) || bytes[2] != 0 || bytes[3] != 0)
    return std::nullopt;
  const auto seconds = static_cast<std::int64_t>(get(&bytes[8], 8));
  return SessionRecord{.id = {get(&bytes[16], 8), get(&bytes[24], 8)},
                       .admitted_at = WallSeconds{std::chrono::seconds{seconds}},
                       .session_class = SessionClass::visitor,
                       .epoch = static_cast<std::uint32_t>(get(&bytes[4], 4))};
}

}  // namespace sluice::admission
