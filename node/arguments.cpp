#include <charconv>
#include <stdexcept>

#include "node/node.hpp"

namespace sluice::node {

std::uint64_t number_of(const Command::Values& values, std::string_view option, std::uint64_t min,
                        std::uint64_t max) {
  const auto found = values.find(option);
  const std::string text = found == values.end() ? "" : found->second;
  std::uint64_t number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc{} || end != text.data() + text.size() || number < min || number > max) {
    throw std::runtime_error(std::string(option) + " expects a number from " + std::to_string(min) + " to " +
                             std::to_string(max) + ", not \"" + text + "\"");
  }
  return number;
}

}  // namespace sluice::node
