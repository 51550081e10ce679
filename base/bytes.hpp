#pragma once
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <string_view>

/// Bounded reading of foreign bytes, writing of our own, and their text forms.
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
  std::optional<std::uint32_t> u32() noexcept { return number<std::uint32_t>(4); }
  std::optional<std::uint64_t> u64() noexcept { return number<std::uint64_t>(8); }

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
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < width; ++i) value = value << 8 | rest_[i];
    rest_ = rest_.subspan(width);
    return static_cast<T>(value);
  }

  Bytes rest_;
};

/// Fields one after the other. After the first that is not there, none is, and it is not good().
class Fields {
 public:
  explicit Fields(Bytes body) noexcept : in_(body) {}

  bool good() const noexcept { return good_; }
  bool empty() const noexcept { return in_.empty(); }
  void require(bool holds) noexcept { good_ = good_ && holds; }
  std::uint8_t u8() noexcept { return checked(in_.u8()); }
  std::uint16_t u16() noexcept { return checked(in_.u16()); }
  std::uint32_t u32() noexcept { return checked(in_.u32()); }
  std::uint64_t u64() noexcept { return checked(in_.u64()); }
  Bytes take(std::size_t count) noexcept { return checked(in_.take(count)); }
  Bytes vector(std::size_t length_bytes) noexcept { return checked(in_.vector(length_bytes)); }
  /// With four bytes of length, which must not be more than `most`.
  Bytes vector_upto(std::size_t most) noexcept {
    const std::size_t length = u32();
    require(length <= most);
    return take(good_ ? length : 0);
  }
  std::string text() {
    const Bytes bytes = vector(1);
    return {bytes.begin(), bytes.end()};
  }
  std::size_t remaining() const noexcept { return in_.remaining(); }

 private:
  template <class T>
  T checked(std::optional<T> field) noexcept {
    good_ = good_ && field.has_value();
    return good_ ? *field : T{};
  }

  ByteReader in_;
  bool good_ = true;
};

/// Appends big-endian fields to a vector of bytes that it borrows.
template <class Out>
class ByteWriter {
 public:
  explicit ByteWriter(Out& out) noexcept : out_(out) {}

  ByteWriter& u8(std::uint8_t value) { return number(value, 1); }
  ByteWriter& u16(std::uint16_t value) { return number(value, 2); }
  ByteWriter& u32(std::uint32_t value) { return number(value, 4); }
  ByteWriter& u64(std::uint64_t value) { return number(value, 8); }
  ByteWriter& bytes(Bytes bytes) {
    out_.insert(out_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  /// A TLS vector, see ByteReader::vector(). Aborts when its length does not fit: a bound was not kept.
  ByteWriter& vector(std::size_t length_bytes, Bytes body) {
    if (body.size() >> (8 * length_bytes) != 0) std::abort();
    return number(body.size(), length_bytes).bytes(body);
  }

 private:
  ByteWriter& number(std::uint64_t value, std::size_t width) {
    while (width-- > 0) out_.push_back(static_cast<std::uint8_t>(value >> (8 * width)));
    return *this;
  }

  Out& out_;
};

inline Bytes as_bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

inline std::string to_text(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

/// Lower-case hexadecimal.
std::string to_hex(Bytes bytes);
/// `nullopt` unless `text` is an even number of hexadecimal digits, in either case.
std::optional<std::string> from_hex(std::string_view text);

}  // namespace sluice
