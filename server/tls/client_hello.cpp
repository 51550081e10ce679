#include "server/tls/client_hello.hpp"

#include <algorithm>
#include <bitset>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace sluice::tls {
namespace {

constexpr std::uint8_t kHandshakeRecord = 22;
constexpr std::uint8_t kClientHello = 1;
constexpr std::size_t kRecordHeader = 5;
constexpr std::size_t kMessageHeader = 4;
constexpr std::size_t kFragmentMax = 16'384;
constexpr std::uint16_t kTls13 = 0x0304;

namespace extension {
constexpr std::uint16_t kServerName = 0;
constexpr std::uint16_t kAlpn = 16;
constexpr std::uint16_t kSessionTicket = 35;
constexpr std::uint16_t kPreSharedKey = 41;
constexpr std::uint16_t kSupportedVersions = 43;
}  // namespace extension

class HelloCategory final : public ErrorCategory {
 public:
  const char* name() const noexcept override { return "sluice.hello"; }
  std::string message(int value) const override {
    switch (static_cast<HelloError>(value)) {
      case HelloError::need_more: return "the ClientHello is not complete yet";
      case HelloError::not_tls: return "the peer does not speak TLS";
      case HelloError::http: return "the peer speaks plain HTTP";
      case HelloError::malformed: return "the ClientHello is malformed";
      case HelloError::too_large: return "the ClientHello is too large";
    }
    return "unknown ClientHello error";
  }
};

/// The peer's first byte is not that of a handshake record.
HelloError classify_other(Bytes bytes) noexcept {
  static constexpr std::string_view kMethods[] = {"GET ",     "HEAD ",  "POST ",  "PUT ",     "DELETE ",
                                                  "OPTIONS ", "PATCH ", "TRACE ", "CONNECT ", "PRI "};
  const std::string_view text{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  for (const std::string_view method : kMethods) {
    if (text.starts_with(method)) return HelloError::http;
    if (method.starts_with(text)) return HelloError::need_more;
  }
  return HelloError::not_tls;
}

/// Where the hello's bytes are. No error means that it is complete.
struct Extent {
  std::optional<HelloError> error;
  std::size_t size = 0;     // of the message with its header
  std::size_t records = 0;  // it spans
};

/// Walks over the records up to the end of the hello. Checks in the order of the bytes, so that a verdict
/// never depends on what follows.
Extent find_extent(Bytes bytes, std::size_t hello_max) noexcept {
  Extent extent;
  const auto verdict = [&](HelloError error) {
    extent.error = error;
    return extent;
  };
  std::array<std::uint8_t, kMessageHeader> header{};
  std::size_t have = 0;  // bytes of the message in the records before
  for (Bytes rest = bytes;;) {
    const bool first = extent.records == 0;
    if (rest.empty()) return verdict(HelloError::need_more);
    if (rest[0] != kHandshakeRecord) return verdict(first ? classify_other(rest) : HelloError::malformed);
    if (rest.size() < 2) return verdict(HelloError::need_more);
    if (rest[1] != 3) return verdict(first ? HelloError::not_tls : HelloError::malformed);  // minor: ignored
    if (rest.size() < kRecordHeader) return verdict(HelloError::need_more);
    const std::size_t length = static_cast<std::size_t>(rest[3] << 8 | rest[4]);
    if (length == 0 || length > kFragmentMax) return verdict(HelloError::malformed);
    rest = rest.subspan(kRecordHeader);
    const Bytes fragment = rest.first(std::min(length, rest.size()));

    for (std::size_t i = 0; i < fragment.size() && have + i < header.size(); ++i)
      header[have + i] = fragment[i];
    const std::size_t seen = have + fragment.size();
    if (seen > 0 && header[0] != kClientHello) return verdict(HelloError::malformed);
    if (seen >= header.size()) {
      extent.size = header.size() + static_cast<std::size_t>(header[1] << 16 | header[2] << 8 | header[3]);
      if (extent.size > hello_max) return verdict(HelloError::too_large);
      if (have + length > extent.size) return verdict(HelloError::malformed);  // something behind the hello
    }
    if (fragment.size() < length) return verdict(HelloError::need_more);
    rest = rest.subspan(length);
    have += length;
    ++extent.records;
    if (have == extent.size) return extent;
  }
}

/// Puts the fragments of a hello together that is known to be complete.
std::vector<std::uint8_t> reassemble(Bytes bytes, std::size_t size) {
  std::vector<std::uint8_t> message;
  message.reserve(size);
  while (message.size() < size) {
    const std::size_t length = static_cast<std::size_t>(bytes[3] << 8 | bytes[4]);
    const Bytes fragment = bytes.subspan(kRecordHeader, length);
    message.insert(message.end(), fragment.begin(), fragment.end());
    bytes = bytes.subspan(kRecordHeader + length);
  }
  return message;
}

/// A list that fills `data` to its end; `nullopt` when it does not.
std::optional<Bytes> whole_vector(Bytes data, std::size_t length_bytes) noexcept {
  ByteReader reader{data};
  const auto list = reader.vector(length_bytes);
  return list && reader.empty() ? list : std::nullopt;
}

/// The first identity of a well-formed `pre_shared_key`.
std::optional<Bytes> first_psk_identity(Bytes data) noexcept {
  ByteReader reader{data};
  const auto identities = reader.vector(2);
  const auto binders = reader.vector(2);
  if (!identities || !binders || !reader.empty()) return std::nullopt;
  std::optional<Bytes> first;
  std::size_t offered = 0;
  for (ByteReader list{*identities}; !list.empty(); ++offered) {
    const auto identity = list.vector(2);
    if (!identity || identity->empty() || !list.take(4)) return std::nullopt;  // 4: obfuscated ticket age
    if (!first) first = identity;
  }
  std::size_t bound = 0;
  for (ByteReader list{*binders}; !list.empty(); ++bound) {
    const auto binder = list.vector(1);
    if (!binder || binder->size() < 32) return std::nullopt;
  }
  return offered == bound ? first : std::nullopt;
}

}  // namespace

/// Reads the body of a complete ClientHello. Every function answers whether its part was well formed.
class HelloReader {
 public:
  bool read(Bytes body) noexcept {
    ByteReader reader{body};
    const auto version = reader.u16();
    const auto random = reader.take(32);
    const auto session_id = reader.vector(1);
    const auto cipher_suites = reader.vector(2);
    const auto compression = reader.vector(1);
    if (!version || !random || !session_id || !cipher_suites || !compression) return false;
    if (session_id->size() > hello_.session_id_.size()) return false;
    if (cipher_suites->empty() || cipher_suites->size() % 2 != 0 || compression->empty()) return false;
    hello_.legacy_version = *version;
    std::copy(random->begin(), random->end(), hello_.random.begin());
    hello_.session_id_size_ = static_cast<std::uint8_t>(session_id->size());
    std::copy(session_id->begin(), session_id->end(), hello_.session_id_.begin());
    if (reader.empty()) return true;  // before extensions were invented
    const auto extensions = whole_vector(reader.rest(), 2);
    if (!extensions || !read_extensions(*extensions)) return false;
    keep_token();
    return true;
  }

  const Hello& hello() const noexcept { return hello_; }

 private:
  bool read_extensions(Bytes extensions) noexcept {
    std::bitset<65'536> seen;
    ByteReader reader{extensions};
    while (!reader.empty()) {
      const auto type = reader.u16();
      const auto data = type ? reader.vector(2) : std::nullopt;
      if (!data || seen[*type]) return false;
      seen.set(*type);
      if (*type == extension::kPreSharedKey && !reader.empty())
        return false;  // RFC 8446 section 4.2.11: last
      if (!read_extension(*type, *data)) return false;
    }
    return true;
  }

  bool read_extension(std::uint16_t type, Bytes data) noexcept {
    switch (type) {
      case extension::kServerName: return read_server_name(data);
      case extension::kAlpn: return read_alpn(data);
      case extension::kSessionTicket:
        ticket_ = data;
        hello_.has_ticket = !data.empty();
        return true;
      case extension::kSupportedVersions: return read_supported_versions(data);
      case extension::kPreSharedKey: return read_psk(data);
      default: return true;
    }
  }

  /// RFC 6066 section 3. Other kinds of names were never defined, and OpenSSL takes one host name only.
  bool read_server_name(Bytes data) noexcept {
    const auto list = whole_vector(data, 2);
    if (!list) return false;
    ByteReader reader{*list};
    const auto kind = reader.u8();
    const auto name = reader.vector(2);
    if (!kind || *kind != 0 || !name || !reader.empty()) return false;
    if (name->empty() || name->size() > hello_.server_name_.size()) return false;
    if (std::find(name->begin(), name->end(), 0) != name->end()) return false;
    hello_.server_name_size_ = static_cast<std::uint8_t>(name->size());
    std::transform(name->begin(), name->end(), hello_.server_name_.begin(),
                   [](std::uint8_t byte) { return static_cast<char>(byte); });
    return true;
  }

  /// RFC 7301 section 3.1.
  bool read_alpn(Bytes data) noexcept {
    static constexpr std::string_view kHttp11 = "http/1.1";
    const auto list = whole_vector(data, 2);
    if (!list || list->empty()) return false;
    hello_.has_alpn = true;
    for (ByteReader reader{*list}; !reader.empty();) {
      const auto name = reader.vector(1);
      if (!name || name->empty()) return false;
      hello_.alpn_http11 |= std::ranges::equal(*name, as_bytes(kHttp11));
    }
    return true;
  }

  /// RFC 8446 section 4.2.1.
  bool read_supported_versions(Bytes data) noexcept {
    const auto list = whole_vector(data, 1);
    if (!list || list->empty() || list->size() % 2 != 0) return false;
    for (ByteReader reader{*list}; !reader.empty();) hello_.offers_tls13 |= *reader.u16() == kTls13;
    return true;
  }

  /// RFC 8446 section 4.2.11.
  bool read_psk(Bytes data) noexcept {
    const auto identity = first_psk_identity(data);
    if (!identity) return false;
    hello_.has_psk = true;
    identity_ = *identity;
    return true;
  }

  void keep_token() noexcept {
    const Bytes token = hello_.offers_tls13 ? identity_ : ticket_;
    if (token.size() > hello_.token_.size()) return;
    hello_.token_size_ = static_cast<std::uint16_t>(token.size());
    std::copy(token.begin(), token.end(), hello_.token_.begin());
  }

  Hello hello_;
  Bytes ticket_{};
  Bytes identity_{};
};

const boost::system::error_category& hello_category() noexcept {
  static const HelloCategory category;
  return category;
}

boost::system::error_code make_error_code(HelloError error) noexcept {
  return {static_cast<int>(error), hello_category()};
}

boost::system::result<Hello> classify(Bytes bytes, std::size_t hello_max) {
  const bool at_bound = bytes.size() >= hello_max;
  const Bytes within = bytes.first(std::min(bytes.size(), hello_max));
  const Extent extent = find_extent(within, hello_max);
  if (extent.error == HelloError::need_more && at_bound) return HelloError::too_large;
  if (extent.error) return *extent.error;

  HelloReader reader;
  bool well_formed = false;
  if (extent.records == 1) {
    well_formed = reader.read(within.subspan(kRecordHeader + kMessageHeader, extent.size - kMessageHeader));
  } else {
    const std::vector<std::uint8_t> message = reassemble(within, extent.size);
    well_formed = reader.read(Bytes{message}.subspan(kMessageHeader));
  }
  if (!well_formed) return HelloError::malformed;
  return reader.hello();
}

}  // namespace sluice::tls
