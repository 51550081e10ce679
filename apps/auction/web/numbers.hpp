#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include "apps/auction/store/domain.hpp"

/// Numbers as they are sent. Two dialects, never mixed: people's are strict, RUBiS' client prints Java
/// floats.
namespace sluice::auction::web {

/// An optional '-' and 1 to 18 digits, nothing else. Ids of RUBiS' client may be 0 or -1.
std::optional<std::int64_t> parse_integer(std::string_view text) noexcept;

/// What a person types: digits, then at most one '.' with one or two digits; blanks around it are ignored. No
/// sign, exponent, thousands separator or digit outside ASCII; at most `kAmountMax`.
std::optional<Cents> parse_amount(std::string_view text) noexcept;

/// What java.lang.Float prints: "123.0", "-1.0", "1.0E7" and "1.0E+7", of which decoding the form made "1.0E
/// 7". Rounded to cents; its magnitude at most `kAmountMax`.
std::optional<Cents> parse_java_float(std::string_view text) noexcept;

}  // namespace sluice::auction::web
