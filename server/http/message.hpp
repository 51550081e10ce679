#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <boost/beast/http/verb.hpp>

#include "base/handle.hpp"

/// Requests and responses as an application sees them (RFC 9110). Framing, connection handling, `Date` and
/// the security headers are the server's business (RFC 9112) and do not show here.
namespace sluice::http {

using Verb = boost::beast::http::verb;

/// What is known of the connection a request came over. Owned by the connection, lives longer than the
/// request.
struct Peer {
  std::string address;             ///< Client's IP address, without port.
  std::string_view tls_version{};  ///< "TLSv1.3" or "TLSv1.2".
  bool resumed = false;            ///< The handshake resumed a TLS session.
  std::string server_name{};       ///< That the client wants to speak to (RFC 6066 section 3).
};

/// A request that passed every check of RFC 9112. Views point into memory that lives as long as the request.
struct Request {
  struct Field {
    std::string_view name;
    std::string_view value;
  };

  Verb method = Verb::get;
  std::string_view target;  ///< As sent, origin-form (an absolute-form target is reduced to it).
  std::string_view path;    ///< Percent-decoded; starts with '/', has no NUL, no "." or ".." segment.
  std::string_view query;   ///< Behind '?', still encoded; see parse_form().
  std::string_view host;    ///< As sent in `Host` or the absolute-form target.
  std::vector<Field> fields;
  std::string body;     ///< Decoded; at most `limits.body_bytes`.
  std::string_view id;  ///< Request id: also in the access log and in `X-Request-Id`.
  const Peer* peer = nullptr;

  /// First field of that name, compared without case; empty when absent.
  std::string_view field(std::string_view name) const noexcept;
  /// Value of a cookie (RFC 6265 section 5.4); empty when absent.
  std::string_view cookie(std::string_view name) const noexcept;
};

/// Owns an open file that is sent as (part of) a body.
class FileBody {
 public:
  FileBody(int fd, std::uint64_t offset, std::uint64_t size) noexcept
      : fd_(fd), offset_(offset), size_(size) {}
  FileBody(FileBody&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), offset_(other.offset_), size_(other.size_) {}
  FileBody& operator=(FileBody&& other) noexcept;
  ~FileBody();

  std::uint64_t size() const noexcept { return size_; }
  /// Of its beginning, in the file.
  std::uint64_t offset() const noexcept { return offset_; }
  /// Appends up to `count` bytes from `position` (0 is the start of the body). False when the file is shorter
  /// than promised or can't be read: the connection must then be closed.
  bool read(std::uint64_t position, std::size_t count, std::string& out) const;

 private:
  int fd_;
  std::uint64_t offset_;
  std::uint64_t size_;
};

struct Response {
  struct Field {
    std::string_view name;  ///< Must be a literal.
    std::string value;      ///< Must not contain CR or LF; checked when the head is written.
  };
  /// A `string_view` body must outlive the process' requests (embedded files).
  using Body = std::variant<std::string, std::string_view, FileBody, std::shared_ptr<const std::string>>;

  unsigned status = 200;
  std::string_view content_type = "text/html; charset=utf-8";  ///< A literal; empty: no such header.
  Body body{};
  std::vector<Field> fields{};
  /// Index into `App::interactions()`: the label in metrics and in the access log.
  std::uint16_t interaction = 0;
  bool close = false;  ///< Close the connection behind this response.
  /// The visitor is in the middle of something that must not be lost, such as a purchase: for the next minute
  /// the session is not ended to save others.
  bool protect = false;

  std::uint64_t body_size() const noexcept;
  /// First field of that name; empty when absent.
  std::string_view field(std::string_view name) const noexcept;
  /// The body, but for that of an open file, which is empty here.
  std::string_view body_text() const noexcept;
  void set(std::string_view name, std::string value) {
    if (fields.empty()) fields.reserve(kUsualFields);
    fields.push_back({name, std::move(value)});
  }

 private:
  static constexpr std::size_t kUsualFields = 6;
};

/// `text/plain` with one sentence.
Response plain(unsigned status, std::string_view sentence);
/// 303 (RFC 9110 section 15.4.4): what a form post answers, so that a reload does not repeat it. `location`
/// is a path of this site.
Response see_other(std::string location);
/// 405 with `Allow` (RFC 9110 section 15.5.6).
Response method_not_allowed(std::string allow);
/// "Not Found" for 404; "" for a status unknown to RFC 9110.
std::string_view reason_phrase(unsigned status) noexcept;

}  // namespace sluice::http
