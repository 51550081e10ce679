#pragma once
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/clock.hpp"

/// What a TLS session carries of the visit it belongs to, so that a client that comes back is known.
namespace sluice::admission {

/// Names one visit in the whole cluster. 128 random bits, so that nobody meets another's by chance.
struct SessionId {
  std::uint64_t high = 0, low = 0;
  auto operator<=>(const SessionId&) const = default;
};

enum class SessionClass : std::uint8_t {
  visitor = 1,  ///< Admitted at the gate.
};

/// The admission record. It travels inside the ticket (authenticated and encrypted with it) or beside the
/// stored session, never in the clear.
struct SessionRecord {
  SessionId id{};
  WallSeconds admitted_at{};
  SessionClass session_class = SessionClass::visitor;
  /// Raised to void every record issued before; a record of another epoch is not honoured.
  std::uint32_t epoch = 0;
  bool operator==(const SessionRecord&) const = default;
};

/// Version, class, two bytes of zero, epoch, admitted-at, id: big-endian.
inline constexpr std::size_t kSessionRecordSize = 32;
using EncodedSessionRecord = std::array<std::uint8_t, kSessionRecordSize>;

EncodedSessionRecord encode(const SessionRecord& record) noexcept;
/// `nullopt` for another size or version, an unknown class, or bytes that must be zero and are not.
std::optional<SessionRecord> decode_session_record(Bytes bytes) noexcept;

}  // namespace sluice::admission
