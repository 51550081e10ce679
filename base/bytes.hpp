#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

/// Bounded reading of foreign bytes, and their text forms.
namespace sluice {

using Bytes = std::span<const std::uint8_t>;

/// Reads big-endian fields off the front of a byte range it borrows. A read past the end yields `nullopt` and
/// leaves the reader where it was, so a caller can't step outside by accident.
class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) noexcept : rest_(bytes) {}

  bool empty() const noexcept { return rest_.empty(); }
  std::size_t remaining() const noexcept { return rest_.size(); }
  Bytes rest() const noexcept { return rest_; }

  std::optional<std::uint8_t> u8() noexcept { return number<std::uint8_t>(1); }
  std::optional<std::uint16_t> u16() noexcept { return number<std::uint16_t>(2); }
  std::optional<std::uint32_t> u24() noexcept { return number<std::uint32_t>(3); }

  std::optional<Bytes> take(std::size_t count) noexcept {
    if (count > rest_.size()) return std::nullopt;
    const Bytes taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }

  /// A TLS vector (RFC 8446 section 3.4): a length of `length_bytes` (1 to 3) bytes, then that many bytes.
  std::optional<Bytes> vector(std::size_t length_bytes) noexcept;

 private:
  template <class T>
  std::optional<T> number(std::size_t width) noexcept {
    if (width > rest_.size()) return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < width; ++i) value = value << 8 | rest_[i];
    rest_ = rest_.subspan(width);
    return static_cast<T>(value);
  }

  Bytes rest_;
};

inline Bytes as_bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// Lower-case hexadecimal.
std::string to_hex(Bytes bytes);
/// `nullopt` unless `text` is an even number of hexadecimal digits, in either case.
std::optional<std::string> from_hex(std::string_view text);

}  // namespace sluice
