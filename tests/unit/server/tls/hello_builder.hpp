#pragma once
#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Hellos by hand, also broken ones.
namespace sluice::tls {

/// A vector of TLS: `length_bytes` of length, then the bytes.
inline std::string vec(std::size_t length_bytes, std::string_view bytes) {
  std::string out;
  for (std::size_t i = length_bytes; i-- > 0;) out += static_cast<char>(bytes.size() >> (8 * i) & 0xff);
  return out.append(bytes);
}

inline std::string u16(unsigned value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}

/// Cuts a handshake message into records of at most `fragment` bytes.
inline std::string records(std::string_view message, std::size_t fragment = 16'384) {
  std::string out;
  while (!message.empty()) {
    out.append("\x16\x03\x01", 3).append(vec(2, message.substr(0, fragment)));
    message.remove_prefix(std::min(fragment, message.size()));
  }
  return out;
}

struct HelloBuilder {
  using Extension = std::pair<unsigned, std::string>;

  std::string version = u16(0x0303);
  std::string session_id;
  std::string cipher_suites = u16(0x1301) + u16(0xc02b);
  std::string compression = std::string(1, '\0');
  std::vector<Extension> extensions{};
  bool with_extensions = true;

  HelloBuilder& add(unsigned type, std::string data) {
    extensions.emplace_back(type, std::move(data));
    return *this;
  }
  /// The handshake message, without record headers.
  std::string message() const {
    std::string list;
    for (const auto& [type, data] : extensions) list += u16(type) + vec(2, data);
    std::string body =
        version + std::string(32, 'r') + vec(1, session_id) + vec(2, cipher_suites) + vec(1, compression);
    if (with_extensions) body += vec(2, list);
    return "\x01" + vec(3, body);
  }
  std::string bytes() const { return records(message()); }
};

inline std::string supports(std::initializer_list<unsigned> versions) {
  std::string list;
  for (const unsigned version : versions) list += u16(version);
  return vec(1, list);
}
inline std::string psk(std::size_t identities = 1, std::size_t binders = 1) {
  std::string ids;
  std::string macs;
  for (std::size_t i = 0; i < identities; ++i) ids += vec(2, "identity") + std::string(4, 'a');
  for (std::size_t i = 0; i < binders; ++i) macs += vec(1, std::string(32, 'b'));
  return vec(2, ids) + vec(2, macs);
}
inline std::string sni(std::string_view host) { return vec(2, '\0' + vec(2, host)); }

}  // namespace sluice::tls
