#pragma once
#include <chrono>
#include <string>
#include <string_view>

#include "server/http/message.hpp"

/// Responses onto the wire (RFC 9112 section 4).
namespace sluice::http {

/// What the head says that the application does not decide.
struct HeadContext {
  std::string_view date;        ///< Of a DateCache.
  std::string_view request_id;  ///< Empty: no `X-Request-Id`.
  bool keep_alive = true;       ///< Still subject to `Response::close`.
  std::chrono::seconds keepalive_timeout{10};
  /// `Strict-Transport-Security`; 0: none, since a browser would remember it for every port of "localhost".
  std::chrono::seconds hsts_max_age{31'536'000};
};

/// Appends status line, fields and the empty line. Every response gets the security headers unless it sets
/// the field itself. `Content-Length` is the size of the body, also when the method is HEAD and the caller
/// leaves the body out; 204 and 304 have none. A field whose value holds CR, LF or NUL is left out (a bug of
/// the application: asserts).
void append_head(std::string& out, const Response& response, const HeadContext& context);

}  // namespace sluice::http
