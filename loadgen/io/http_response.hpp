#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <boost/beast/http/basic_parser.hpp>

/// Reading one HTTP/1.1 response (RFC 9112) as a client, without I/O.
namespace sluice::loadgen {

/// Beast does the parsing; this keeps the few fields a session needs and allocates nothing for the others.
/// Foreign bytes are bounded: head 64 KB, body 64 MB, kept fields 4 KB each. Interim responses (1xx), which
/// we never ask for, end it as `done`.
class HttpResponse final : private boost::beast::http::basic_parser<false> {
 public:
  enum class State { more, done, broken };

  /// `keep_body`: for pages that are looked into; otherwise the body is only counted.
  explicit HttpResponse(bool keep_body);

  /// Consumes plaintext. After `done` bytes left over are an error of the server and dropped by the caller.
  State put(std::string_view bytes);
  /// The connection has ended: `done` when that ends a body without length, else `broken`.
  State end();

  /// Valid once the state is `done`.
  unsigned status() const noexcept { return status_; }
  bool reusable() const noexcept { return reusable_; }  ///< The server keeps the connection open.
  std::string& body() noexcept { return body_; }
  const std::string& location() const noexcept { return location_; }
  /// "name=value; name=value" of all Set-Cookie fields, attributes left out; one with Max-Age=0 is "name=".
  const std::string& cookies() const noexcept { return cookies_; }
  std::optional<std::chrono::seconds> retry_after() const noexcept {
    return retry_after_;
  }  ///< Seconds only, not dates.
  std::optional<std::chrono::seconds> refresh() const noexcept { return refresh_; }
  std::uint64_t bytes() const noexcept { return bytes_; }            ///< Head and body with framing.
  std::uint64_t body_bytes() const noexcept { return body_bytes_; }  ///< Body without framing.

 private:
  using string_view = boost::beast::string_view;
  using error_code = boost::beast::error_code;

  State parse(std::string_view bytes);
  State settle();

  void on_request_impl(boost::beast::http::verb, string_view, string_view, int, error_code&) override {}
  void on_response_impl(int code, string_view reason, int version, error_code& error) override;
  void on_field_impl(boost::beast::http::field name, string_view name_text, string_view value,
                     error_code& error) override;
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code& error) override;
  std::size_t on_body_impl(string_view body, error_code& error) override;
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code& error) override;
  void on_finish_impl(error_code&) override {}

  bool keep_body_;
  bool reusable_ = false;
  unsigned status_ = 0;
  std::uint64_t bytes_ = 0, body_bytes_ = 0;
  std::optional<std::chrono::seconds> retry_after_, refresh_;
  std::string pending_;  // a head or chunk header that has not come whole
  std::string body_, location_, cookies_;
};

}  // namespace sluice::loadgen
