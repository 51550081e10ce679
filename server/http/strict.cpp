#include "server/http/strict.hpp"

#include <algorithm>

#include "server/http/text.hpp"

namespace sluice::http::strict {
namespace {

constexpr Refusal kBadTarget{400, "The request target is not valid.", {}};
constexpr Refusal kDotSegment{400, "The path must not contain '.' or '..' segments.", {}};
constexpr Refusal kBodyTooLarge{413, "The request body is too large.", "body_bytes"};
constexpr Refusal kBadTransferEncoding{400, "The only transfer coding here is a single 'chunked'.", {}};

constexpr bool is_target_char(char c) noexcept { return c > 0x20 && c < 0x7f && c != '#'; }

constexpr bool is_implemented(Verb method) noexcept {
  switch (method) {
    case Verb::get:
    case Verb::head:
    case Verb::post:
    case Verb::put:
    case Verb::delete_:
    case Verb::options:
    case Verb::patch: return true;
    default: return false;  // TRACE would echo cookies, CONNECT is for proxies
  }
}

/// Methods whose requests have a body by definition; without a length one was forgotten (RFC 9110
/// section 15.5.12).
constexpr bool needs_length(Verb method) noexcept {
  return method == Verb::post || method == Verb::put || method == Verb::patch;
}

std::optional<Refusal> check_version(std::string_view version) noexcept {
  constexpr Refusal kMalformed{400, "The request line is not valid.", {}};
  constexpr Refusal kUnsupported{505, "This server speaks HTTP/1.1.", {}};
  if (!version.starts_with("HTTP/")) return kMalformed;
  version.remove_prefix(5);
  const bool major_only = version.size() == 1 && is_digit(version[0]);
  if (major_only && version[0] != '1') return kUnsupported;
  if (version.size() != 3 || !is_digit(version[0]) || version[1] != '.' || !is_digit(version[2])) {
    return kMalformed;
  }
  if (version[0] != '1') return kUnsupported;
  return std::nullopt;
}

bool is_ipv6_literal(std::string_view inside) noexcept {
  // Only the alphabet and the shape matter: the host is compared and shown, never connected to.
  const auto allowed = [](char c) { return hex_value(c) >= 0 || c == ':' || c == '.'; };
  return inside.size() >= 2 && inside.size() <= 45 && std::all_of(inside.begin(), inside.end(), allowed) &&
         std::count(inside.begin(), inside.end(), ':') >= 2;
}

bool is_reg_name(std::string_view name) noexcept {
  constexpr std::string_view kOthers = "-._~!$&'()*+,;=";
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (c == '%') {
      if (name.size() - i < 3 || hex_value(name[i + 1]) < 0 || hex_value(name[i + 2]) < 0) return false;
      i += 2;
    } else if (!is_digit(c) && !(to_lower(c) >= 'a' && to_lower(c) <= 'z') &&
               kOthers.find(c) == std::string_view::npos) {
      return false;
    }
  }
  return !name.empty() && name.size() <= 255;
}

bool has_dot_segment(std::string_view path) noexcept {
  for (std::size_t at = path.find("/."); at != std::string_view::npos; at = path.find("/.", at + 1)) {
    std::string_view segment = path.substr(at + 1);
    segment = segment.substr(0, segment.find('/'));
    if (segment == "." || segment == "..") return true;
  }
  return false;
}

/// Decodes `raw` into `storage` when anything in it is encoded.
Checked<std::string_view> decode_path(std::string_view raw, std::string& storage) {
  std::string_view path = raw;
  if (raw.find('%') != std::string_view::npos) {
    storage.clear();
    for (std::size_t i = 0; i < raw.size(); ++i) {
      if (raw[i] != '%') {
        storage += raw[i];
        continue;
      }
      if (raw.size() - i < 3) return kBadTarget;
      const int high = hex_value(raw[i + 1]);
      const int low = hex_value(raw[i + 2]);
      if (high < 0 || low < 0) return kBadTarget;
      const int byte = high << 4 | low;
      if (byte < 0x20 || byte == 0x7f) return kBadTarget;  // NUL above all; no path of anybody has these
      storage += static_cast<char>(byte);
      i += 2;
    }
    path = storage;
  }
  if (has_dot_segment(path)) return kDotSegment;
  return path;
}

/// Cuts scheme and authority off an absolute-form target.
Checked<std::string_view> cut_authority(std::string_view& target) noexcept {
  const std::size_t colon = target.find("://");
  if (colon == std::string_view::npos)
    return kBadTarget;  // authority-form, relative path, mailto: and the like
  const std::string_view scheme = target.substr(0, colon);
  if (!equal_without_case(scheme, "http") && !equal_without_case(scheme, "https")) return kBadTarget;
  target.remove_prefix(colon + 3);
  const std::size_t end = std::min(target.find_first_of("/?"), target.size());
  const std::string_view authority = target.substr(0, end);
  if (!is_valid_host(authority)) return kBadTarget;
  target.remove_prefix(end);
  return authority;
}

std::optional<Refusal> check_host(const Facts& facts) noexcept {
  if (facts.hosts > 1) return Refusal{400, "There must be one Host field, not several.", {}};
  if (facts.hosts == 0) {
    if (facts.minor == 0) return std::nullopt;
    return Refusal{400, "The Host field is missing.", {}};
  }
  if (!is_valid_host(facts.host)) return Refusal{400, "The Host field is not valid.", {}};
  return std::nullopt;
}

/// 501 for codings we don't know, 400 where even a server that knew them could not tell the body's end.
Refusal refuse_transfer_encoding(const Facts& facts) noexcept {
  std::string_view rest = facts.transfer_encoding;
  // A comma at the end would be an empty element, which next_element() does not show.
  if (facts.transfer_encodings > 1 || rest.empty() || rest.back() == ',') return kBadTransferEncoding;
  while (!rest.empty()) {
    const std::string_view coding = trimmed(next_element(rest, ','));
    const bool last = rest.empty();
    if (!is_token(coding)) return kBadTransferEncoding;
    if (equal_without_case(coding, "chunked") && !last) return kBadTransferEncoding;
  }
  return {501, "This transfer coding is not implemented.", {}};
}

}  // namespace

std::optional<Refusal> check_request_line(std::string_view line, const Limits& limits) noexcept {
  constexpr Refusal kMalformed{400, "The request line is not valid.", {}};
  const std::string_view method = line.substr(0, line.find(' '));
  if (!is_token(method) || method.size() == line.size()) return kMalformed;
  line.remove_prefix(method.size() + 1);
  const std::size_t blank = line.find(' ');
  if (blank == std::string_view::npos || blank == 0) return kMalformed;
  const std::string_view target = line.substr(0, blank);
  if (!std::all_of(target.begin(), target.end(), is_target_char)) return kBadTarget;
  if (auto refusal = check_version(line.substr(blank + 1))) return refusal;
  if (target.size() > limits.uri_bytes) return Refusal{414, "The request target is too long.", "uri_bytes"};
  if (!is_implemented(boost::beast::http::string_to_verb({method.data(), method.size()}))) {
    return Refusal{501, "This method is not implemented.", {}};
  }
  return std::nullopt;
}

bool is_valid_host(std::string_view host) noexcept {
  std::string_view port;
  if (host.starts_with('[')) {
    const std::size_t close = host.find(']');
    if (close == std::string_view::npos || !is_ipv6_literal(host.substr(1, close - 1))) return false;
    port = host.substr(close + 1);
    if (!port.empty() && port[0] != ':') return false;
  } else {
    const std::size_t colon = std::min(host.find(':'), host.size());
    if (!is_reg_name(host.substr(0, colon))) return false;
    port = host.substr(colon);
  }
  if (port.size() <= 1) return true;  // "host:" is valid (RFC 3986 section 3.2.3)
  const auto number = port.size() <= 6 ? parse_decimal(port.substr(1)) : std::nullopt;
  return number && *number <= 65'535;
}

Checked<Target> parse_target(std::string_view target, Verb method, TargetStorage& storage) {
  if (target == "*") {
    if (method != Verb::options) return kBadTarget;
    return Target{target, target, {}, {}};
  }
  Target parts;
  if (!target.starts_with('/')) {
    const auto authority = cut_authority(target);
    if (!authority) return authority.error();
    parts.authority = *authority;
    if (target.empty()) {  // RFC 9112 section 3.2.4: OPTIONS without a path asks about the server
      target = method == Verb::options ? "*" : "/";
      return Target{target, target, {}, parts.authority};
    }
    if (target.starts_with('?')) {
      storage.origin.assign(1, '/').append(target);
      target = storage.origin;
    }
  }
  parts.origin = target;
  const std::size_t question = std::min(target.find('?'), target.size());
  if (question < target.size()) parts.query = target.substr(question + 1);
  const auto path = decode_path(target.substr(0, question), storage.path);
  if (!path) return path.error();
  parts.path = *path;
  return parts;
}

void note_connection(std::string_view value, Facts& facts) noexcept {
  while (!value.empty()) {
    const std::string_view option = trimmed(next_element(value, ','));
    if (equal_without_case(option, "close")) facts.close = true;
    if (equal_without_case(option, "keep-alive")) facts.keep_alive = true;
  }
}

Checked<std::uint64_t> parse_content_length(std::string_view value, std::size_t body_max) noexcept {
  constexpr Refusal kMalformed{400, "The Content-Length is not valid.", {}};
  constexpr std::size_t kLeadingZerosMax = 8;
  if (value.empty() || !std::all_of(value.begin(), value.end(), is_digit)) return kMalformed;
  const std::size_t zeros = std::min(value.find_first_not_of('0'), value.size() - 1);
  if (zeros > kLeadingZerosMax) return kMalformed;
  const auto length = parse_decimal(value.substr(zeros));
  if (!length || *length > body_max) return kBodyTooLarge;
  return Checked<std::uint64_t>{boost::system::in_place_value, *length};
}

Checked<Framing> check_fields(const Facts& facts, const Limits& limits) noexcept {
  if (const auto refusal = check_host(facts)) return *refusal;
  Framing framing;
  if (facts.transfer_encodings > 0) {
    if (facts.content_lengths > 0) {
      return Refusal{400, "Transfer-Encoding and Content-Length exclude each other.", {}};
    }
    if (facts.minor == 0) return Refusal{400, "HTTP/1.0 has no Transfer-Encoding.", {}};
    if (facts.transfer_encodings != 1 || !equal_without_case(facts.transfer_encoding, "chunked")) {
      return refuse_transfer_encoding(facts);
    }
    framing.chunked = true;
  } else if (facts.content_lengths > 0) {
    if (facts.content_lengths > 1) return Refusal{400, "There must be one Content-Length, not several.", {}};
    const auto length = parse_content_length(facts.content_length, limits.body_bytes);
    if (!length) return length.error();
    framing.length = *length;
  } else if (needs_length(facts.method)) {
    return Refusal{411, "This method needs a Content-Length or a chunked body.", {}};
  }
  if (facts.expectations > 0 && facts.minor >= 1) {  // RFC 9110 section 10.1.1: ignored in HTTP/1.0
    if (facts.expectations > 1 || !equal_without_case(facts.expectation, "100-continue")) {
      return Refusal{417, "The only expectation met here is 100-continue.", {}};
    }
    framing.wants_continue = framing.chunked || framing.length > 0;
  }
  framing.keep_alive = !facts.close && (facts.minor >= 1 || facts.keep_alive);
  return framing;
}

}  // namespace sluice::http::strict
