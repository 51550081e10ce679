#pragma once
#include <string>

#include "apps/auction/store/domain.hpp"

/// How people read money and time. Pure.
namespace sluice::auction::web {

/// "$1,234.50"; "-$3.00" when negative.
std::string money(Cents amount);
/// "1234.50": the value of an input field, and of RUBiS' hidden ones.
std::string plain_amount(Cents amount);

/// "2 d 4 h", "3 h 12 min", "25 min", "4 min 10 s", "9 s"; "ended" once `now >= ends`.
std::string time_left(WallSeconds ends, WallSeconds now);
/// The first second after `now` at which time_left() says something else; WallSeconds::max() when it never
/// will.
WallSeconds time_left_changes(WallSeconds ends, WallSeconds now);
/// "Sun 22 Nov 2026, 14:05 UTC".
std::string utc(WallSeconds when);
/// "2026-11-22T14:05:09Z" (RFC 3339), for `<time datetime>`.
std::string iso8601(WallSeconds when);

/// "1 bid", "5 bids".
std::string counted(std::int64_t count, std::string_view singular, std::string_view plural);

}  // namespace sluice::auction::web
