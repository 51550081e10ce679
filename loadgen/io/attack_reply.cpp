#include "loadgen/io/attack_reply.hpp"

#include <algorithm>

namespace sluice::loadgen {
namespace {

constexpr std::uint8_t kAlert = 21;
constexpr std::uint8_t kHandshake = 22;
constexpr std::uint8_t kWarning = 1;
constexpr std::uint8_t kMajorVersion = 3;

}  // namespace

ReplyScan::Seen ReplyScan::feed(Bytes bytes) noexcept {
  while (seen_ == Seen::nothing && !bytes.empty()) {
    const std::size_t skipped = std::min<std::size_t>(skip_, bytes.size());
    skip_ = static_cast<std::uint16_t>(skip_ - skipped);
    bytes = bytes.subspan(skipped);
    if (bytes.empty()) break;
    head_[head_size_++] = bytes.front();
    bytes = bytes.subspan(1);
    seen_ = verdict();
    if (seen_ != Seen::nothing || head_size_ < head_.size()) continue;
    skip_ = static_cast<std::uint16_t>((head_[3] << 8 | head_[4]) - 1);  // behind the level, which was read
    head_size_ = 0;
  }
  return seen_;
}

ReplyScan::Seen ReplyScan::verdict() const noexcept {
  if (head_size_ >= 1 && head_[0] != kHandshake && head_[0] != kAlert) return Seen::foreign;
  if (head_size_ >= 2 && head_[1] != kMajorVersion) return Seen::foreign;
  if (head_size_ < kHeader) return Seen::nothing;
  if (head_[3] == 0 && head_[4] == 0) return Seen::foreign;  // RFC 8446: no empty records of these types
  if (head_[0] == kHandshake) return Seen::handshake;
  if (head_size_ > kAlertLevel && head_[kAlertLevel] != kWarning) return Seen::fatal_alert;
  return Seen::nothing;
}

}  // namespace sluice::loadgen
