#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"

/// What a server's first bytes say to a client that will not go on.
namespace sluice::loadgen {

/// Reads record headers (RFC 8446 section 5.1) until one settles the matter. Pure; fed with the stream in
/// pieces of any size.
class ReplyScan {
 public:
  enum class Seen : std::uint8_t {
    nothing,      ///< Nothing yet, or only warnings.
    handshake,    ///< A handshake record: the server has begun its flight.
    fatal_alert,  ///< Turned away in the words of TLS.
    foreign,      ///< Not TLS, or a record that can't come first.
  };

  /// The verdict so far; once it is not `nothing` it stays.
  Seen feed(Bytes bytes) noexcept;

 private:
  static constexpr std::size_t kHeader = 5;
  static constexpr std::size_t kAlertLevel = kHeader;  // offset of the level in an alert record

  Seen verdict() const noexcept;

  std::array<std::uint8_t, kAlertLevel + 1> head_{};  // of the record being read
  std::uint8_t head_size_ = 0;
  std::uint16_t skip_ = 0;  // bytes of a warning still to come
  Seen seen_ = Seen::nothing;
};

}  // namespace sluice::loadgen
