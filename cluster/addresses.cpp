#include "cluster/addresses.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>

namespace sluice::cluster {

namespace {

constexpr std::size_t kAddressMax = 255, kNameMax = 253, kLabelMax = 63;

bool alphanumeric(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// Only what the text may consist of; whether it is an address, the resolver sees.
bool like_ipv6(std::string_view text) noexcept {
  return text.find(':') != std::string_view::npos && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' ||
                  c == '.';
         });
}

std::optional<std::uint16_t> port_of(std::string_view text) noexcept {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

}  // namespace

bool is_dns_name(std::string_view text) noexcept {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty() || text.size() > kNameMax) return false;
  std::size_t label = 0;
  for (const char c : text) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
    } else if (!(alphanumeric(c) || c == '-' || c == '_') || ++label > kLabelMax) {
      return false;
    }
  }
  return label > 0;
}

std::optional<HostPort> split_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || text.size() > kAddressMax) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const auto port = port_of(text.substr(colon + 1));
  if (!port) return std::nullopt;
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    if (!like_ipv6(host)) return std::nullopt;
  } else if (!is_dns_name(host)) {
    return std::nullopt;
  }
  return HostPort{std::string(host), *port};
}

std::string text_of(const HostPort& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

std::optional<DnsQuestion> parse_dns_question(std::string_view text) {
  if (text.starts_with('_')) {
    const auto protocol = text.find("._");
    const auto name = protocol == std::string_view::npos ? protocol : text.find('.', protocol + 1);
    if (name == std::string_view::npos || name + 1 == text.size() || !is_dns_name(text)) return std::nullopt;
    return DnsQuestion{std::string(text), 0};
  }
  const auto address = split_address(text);
  if (!address || address->host.find(':') != std::string::npos) return std::nullopt;
  return DnsQuestion{address->host, address->port};
}

Bounded bounded(const std::vector<std::string>& found, std::size_t max) {
  Bounded result{{found.begin(), found.end()}};
  while (result.addresses.size() > max) {
    result.addresses.erase(std::prev(result.addresses.end()));
    ++result.left_out;
  }
  return result;
}

Difference difference(const std::set<std::string>& before, const std::set<std::string>& after) {
  Difference result;
  std::ranges::set_difference(after, before, std::back_inserter(result.added));
  std::ranges::set_difference(before, after, std::back_inserter(result.gone));
  return result;
}

}  // namespace sluice::cluster
