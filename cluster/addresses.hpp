#pragma once
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

/// Where members may be, as text. No I/O.
namespace sluice::cluster {

struct HostPort {
  std::string host{};  ///< A name or an address; IPv6 without brackets.
  std::uint16_t port = 0;
  bool operator==(const HostPort&) const = default;
};

/// A name as DNS has them (RFC 1035 section 2.3.4), with "_" as services use it; a last dot is allowed. IPv4
/// addresses are such names.
bool is_dns_name(std::string_view text) noexcept;

/// "host:port" or "[2001:db8::1]:port", at most 255 bytes, as it fits into a message between members.
std::optional<HostPort> split_address(std::string_view text);
std::string text_of(const HostPort& address);

/// What `cluster.dns_name` asks for.
struct DnsQuestion {
  std::string name{};
  std::uint16_t port = 0;  ///< 0: the records (SRV) have the ports.
  bool service() const noexcept { return port == 0; }
};
/// "name:port" asks for addresses (A, AAAA), "_service._tcp.name" for a service (SRV, RFC 2782).
std::optional<DnsQuestion> parse_dns_question(std::string_view text);

/// What a lookup gave, each once, and no more than there may be members.
struct Bounded {
  std::set<std::string> addresses{};
  std::size_t left_out = 0;  ///< The last ones in order.
};
Bounded bounded(const std::vector<std::string>& found, std::size_t max);

struct Difference {
  std::vector<std::string> added{}, gone{};
};
Difference difference(const std::set<std::string>& before, const std::set<std::string>& after);

}  // namespace sluice::cluster
