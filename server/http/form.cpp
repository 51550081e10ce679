#include "server/http/form.hpp"

#include "base/error.hpp"
#include "server/http/text.hpp"

namespace sluice::http {
namespace {

class FormCategory final : public ErrorCategory {
 public:
  const char* name() const noexcept override { return "sluice.form"; }
  std::string message(int value) const override {
    switch (static_cast<FormError>(value)) {
      case FormError::too_many: return "the form has too many fields";
      case FormError::malformed: return "the form is not correctly encoded";
      case FormError::not_utf8: return "the form holds text that is not UTF-8";
    }
    return "unknown form error";
  }
};

/// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. NUL is refused as well.
bool is_text(std::string_view text) noexcept {
  std::size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead == 0) return false;
    if (lead < 0x80) {
      ++i;
      continue;
    }
    if (lead < 0xc2 || lead > 0xf4) return false;
    const std::size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (text.size() - i < length) return false;
    for (std::size_t k = 1; k < length; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80) return false;
    }
    const auto second = static_cast<unsigned char>(text[i + 1]);
    if (lead == 0xe0 && second < 0xa0) return false;   // overlong
    if (lead == 0xed && second >= 0xa0) return false;  // surrogate
    if (lead == 0xf0 && second < 0x90) return false;   // overlong
    if (lead == 0xf4 && second >= 0x90) return false;  // above U+10FFFF
    i += length;
  }
  return true;
}

boost::system::result<std::string> decoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '+') {
      out += ' ';
    } else if (c == '%') {
      if (text.size() - i < 3) return FormError::malformed;
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high < 0 || low < 0) return FormError::malformed;
      out += static_cast<char>(high << 4 | low);
      i += 2;
    } else if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) {
      return FormError::malformed;
    } else {
      out += c;
    }
  }
  if (!is_text(out)) return FormError::not_utf8;
  return out;
}

}  // namespace

const boost::system::error_category& form_category() noexcept {
  static const FormCategory category;
  return category;
}

boost::system::error_code make_error_code(FormError error) noexcept {
  return {static_cast<int>(error), form_category()};
}

const std::string* Form::find(std::string_view name) const noexcept {
  for (const auto& [key, value] : fields_) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::string_view Form::get(std::string_view name) const noexcept {
  const std::string* value = find(name);
  return value != nullptr ? std::string_view{*value} : std::string_view{};
}

boost::system::result<Form> parse_form(std::string_view text) {
  Form form;
  while (!text.empty()) {
    std::string_view value = next_element(text, '&');
    if (value.empty()) continue;  // "a=1&&b=2"
    if (form.fields_.size() == kFormFieldsMax) return FormError::too_many;
    auto name = decoded(next_element(value, '='));
    if (!name) return name.error();
    auto decoded_value = decoded(value);
    if (!decoded_value) return decoded_value.error();
    form.fields_.emplace_back(std::move(*name), std::move(*decoded_value));
  }
  return form;
}

}  // namespace sluice::http
