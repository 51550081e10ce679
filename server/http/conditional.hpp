#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "server/http/message.hpp"

/// Conditional and range requests (RFC 9110 sections 13 and 14), as decisions.
namespace sluice::http {

/// What is known of the selected representation.
struct Validators {
  std::string_view etag;  ///< Strong, with its quotes.
  std::optional<WallSeconds> last_modified{};
};

enum class Precondition : std::uint8_t {
  proceed,
  not_modified,  ///< 304
  failed,        ///< 412
};

/// RFC 9110 section 13.2.2, for GET and HEAD. An unreadable date or list counts as absent.
Precondition evaluate_preconditions(const Request& request, const Validators& validators, WallSeconds now);

struct Range {
  enum class Kind : std::uint8_t { whole, part, unsatisfiable };
  Kind kind = Kind::whole;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

/// Which bytes of `size` to send. Several ranges, other units and malformed ones mean the whole, as
/// section 14.2 allows. `If-Range` is honoured; only GET has ranges.
Range select_range(const Request& request, const Validators& validators, std::uint64_t size, WallSeconds now);

}  // namespace sluice::http
