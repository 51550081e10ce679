#pragma once
#include <chrono>
#include <string>

#include "server/http/message.hpp"

/// What a visitor sees who can't be let in just now.
namespace sluice::server {

/// Why nothing else is answered.
enum class Busy {
  full,     ///< No more sessions can be carried. The connection ends.
  shed,     ///< The session had to go to save the others. The connection ends.
  waiting,  ///< The session is in, but its request found no turn in time. The connection goes on.
};

/// 503 (RFC 9110 section 15.6.4) with `Retry-After`, never stored by anybody. The page is a kilobyte and
/// needs nothing else; it loads itself again after `wait`, as browsers do nothing about Retry-After, unless
/// the request was one that must not be repeated unasked. Waits differ between visitors (the caller draws
/// them), so that they don't come back all at once.
http::Response busy_page(Busy why, std::chrono::seconds wait, bool may_repeat);

}  // namespace sluice::server
