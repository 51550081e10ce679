#pragma once
#include <cmath>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

/// A page as RUBiS' client reads it: plain substring search, case-sensitive. What would kill a thread of that
/// client throws here.
namespace sluice::auction::web::test {

class RubisPage {
 public:
  explicit RubisPage(std::string body) : body_(std::move(body)) {}

  bool has(std::string_view text) const { return body_.find(text) != std::string::npos; }
  const std::string& body() const { return body_; }

  /// Every number behind `marker`, each up to the first of " ? & >.
  std::vector<long> numbers(std::string_view marker) const {
    std::vector<long> all;
    for (auto at = body_.find(marker); at != std::string::npos; at = body_.find(marker, at + 1)) {
      const std::string text = number_text(at + marker.size());
      if (text.empty() || text.find_first_not_of("0123456789", text[0] == '-' ? 1 : 0) != std::string::npos) {
        throw std::runtime_error("NumberFormatException: " + text);
      }
      all.push_back(std::stol(text));
    }
    return all;
  }
  std::optional<long> first_number(std::string_view marker) const {
    const auto all = numbers(marker);
    return all.empty() ? std::nullopt : std::optional{all.front()};
  }
  std::optional<float> first_float(std::string_view marker) const {
    const auto at = body_.find(marker);
    if (at == std::string::npos) return std::nullopt;
    const std::string text = number_text(at + marker.size());
    char* end = nullptr;
    const float value = std::strtof(text.c_str(), &end);
    if (text.empty() || *end != '\0') throw std::runtime_error("NumberFormatException: " + text);
    return value;
  }
  /// What it downloads before the next step.
  std::vector<std::string> images() const {
    static constexpr std::string_view kMarker = "<IMG SRC=\"";
    std::vector<std::string> all;
    for (auto at = body_.find(kMarker); at != std::string::npos; at = body_.find(kMarker, at + 1)) {
      const auto from = at + kMarker.size();
      all.push_back(body_.substr(from, body_.find('"', from) - from));
    }
    return all;
  }

 private:
  std::string number_text(std::size_t from) const {
    const auto end = body_.find_first_of("\"?&>", from);
    if (end == std::string::npos) throw std::runtime_error("no end of the number");
    return body_.substr(from, end - from);
  }

  std::string body_;
};

}  // namespace sluice::auction::web::test
