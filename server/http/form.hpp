#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/system/result.hpp>

/// Parameters of a query or of an `application/x-www-form-urlencoded` body (WHATWG URL section 5), bounded.
namespace sluice::http {

enum class FormError {
  too_many = 1,  ///< More than `kFormFieldsMax` parameters.
  malformed,     ///< A '%' without two hexadecimal digits, or a byte that must be encoded.
  not_utf8,      ///< Decoded text is not UTF-8, or holds a NUL.
};
const boost::system::error_category& form_category() noexcept;
boost::system::error_code make_error_code(FormError error) noexcept;

/// The largest form of the auction has 9 fields.
inline constexpr std::size_t kFormFieldsMax = 64;

/// Decoded parameters in the order sent. Names are case-sensitive; of a repeated name the first one counts.
class Form {
 public:
  const std::string* find(std::string_view name) const noexcept;
  /// Empty when absent.
  std::string_view get(std::string_view name) const noexcept;
  bool has(std::string_view name) const noexcept { return find(name) != nullptr; }
  std::size_t size() const noexcept { return fields_.size(); }

 private:
  friend boost::system::result<Form> parse_form(std::string_view text);
  std::vector<std::pair<std::string, std::string>> fields_;
};

boost::system::result<Form> parse_form(std::string_view text);

}  // namespace sluice::http

template <>
struct boost::system::is_error_code_enum<sluice::http::FormError> : std::true_type {};
