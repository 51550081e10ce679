#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

#include "server/http/message.hpp"

/// What RFC 9110 and RFC 9112 ask of a server beyond what Boost.Beast's parser checks. Pure functions of
/// bytes; each gives an answer or a `Refusal`. Where the RFC leaves a choice between mending and refusing,
/// these refuse: two readers who mend differently are how requests are smuggled.
namespace sluice::http {

/// Why a request is not served. The connection is closed behind the answer, since what follows can't be
/// trusted to be a request.
struct Refusal {
  unsigned status = 400;
  std::string_view sentence{};  ///< For the client; a literal.
  std::string_view
      limit{};  ///< The member of `Limits` that was exceeded, or empty: label of `limit_hits_total`.

  bool operator==(const Refusal&) const = default;
};

template <class T>
using Checked = boost::system::result<T, Refusal>;

/// Bounds of one request, in bytes unless said otherwise.
struct Limits {
  std::size_t head_bytes = 32'768;          ///< Request line and fields with their line ends. 431.
  std::size_t uri_bytes = 16'384;           ///< Request target as sent. 414.
  std::size_t fields = 100;                 ///< Number of field lines. 431.
  std::size_t body_bytes = 1 << 20;         ///< Decoded body. 413.
  std::size_t chunk_extension_bytes = 256;  ///< All extensions of a chunked body together. 413.
  std::size_t trailer_bytes = 4'096;        ///< All trailer lines together. 431.
};

namespace strict {

/// Longest method and version of a request line, with both blanks and the line end.
inline constexpr std::size_t kRequestLineOverhead = 48;

/// `line` is the request line without its line end. Checks everything but the form of the target: method
/// known, version 1.x, target not too long, no blank or control character in the wrong place.
std::optional<Refusal> check_request_line(std::string_view line, const Limits& limits) noexcept;

/// A request target taken apart. Views point into the target as sent, except `origin` and `path` when
/// `storage` had to be used.
struct Target {
  std::string_view origin;     ///< Origin-form: path and query as sent; "*" for `OPTIONS *`.
  std::string_view path;       ///< Decoded.
  std::string_view query;      ///< Without '?', still encoded.
  std::string_view authority;  ///< Of an absolute-form target, otherwise empty.
};

/// Room for what can't be a view of the target as sent; reused from request to request.
struct TargetStorage {
  std::string origin;
  std::string path;
};

/// RFC 9112 section 3.2. Takes origin-form, absolute-form of http and https, and asterisk-form with OPTIONS.
/// "." and ".." segments are refused, encoded ones too: browsers resolve them before they send, and a guess
/// of ours at what a probe means helps nobody.
Checked<Target> parse_target(std::string_view target, Verb method, TargetStorage& storage);

/// uri-host [ ":" port ] of RFC 3986 section 3.2.2: reg-name, IPv4 or bracketed IPv6, without user
/// information and not empty, since no http or https URI has an empty host.
bool is_valid_host(std::string_view host) noexcept;

/// What decides about framing and connection, as collected from the fields of one head.
struct Facts {
  Verb method = Verb::get;
  unsigned minor = 1;  ///< Of HTTP/1.x.
  unsigned hosts = 0;  ///< Number of `Host` fields; the same for the next three.
  unsigned content_lengths = 0;
  unsigned transfer_encodings = 0;
  unsigned expectations = 0;
  std::string_view host{};  ///< Value of the last such field; the same for the next three.
  std::string_view content_length{};
  std::string_view transfer_encoding{};
  std::string_view expectation{};
  bool close = false;  ///< Options of `Connection`.
  bool keep_alive = false;
};

/// Collects the options of one `Connection` field.
void note_connection(std::string_view value, Facts& facts) noexcept;

struct Framing {
  bool chunked = false;
  std::uint64_t length = 0;     ///< Of the body; 0 when `chunked`.
  bool wants_continue = false;  ///< RFC 9110 section 10.1.1.
  bool keep_alive = false;      ///< RFC 9112 section 9.3.
};

/// Host (RFC 9112 section 3.2), message body length (section 6.3), expectation and persistence.
Checked<Framing> check_fields(const Facts& facts, const Limits& limits) noexcept;

/// A Content-Length value: digits only. Too large is 413, everything else wrong is 400.
Checked<std::uint64_t> parse_content_length(std::string_view value, std::size_t body_max) noexcept;

}  // namespace strict
}  // namespace sluice::http
