#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.hpp"

/// What is moved, and where to: addresses as bytes. No I/O.
namespace sluice::cluster::tcp {

/// An address with a port. IPv4 is "mapped" (RFC 4291 section 2.5.5.2), so that one table holds both.
struct Endpoint {
  std::array<std::uint8_t, 16> address{};
  std::uint16_t port = 0;

  bool v4() const noexcept;
  auto operator<=>(const Endpoint&) const = default;
};

/// "10.0.0.1:8443", "[2001:db8::1]:8443".
std::string text_of(const Endpoint& endpoint);
/// The reverse; names are not looked up.
std::optional<Endpoint> endpoint_of(std::string_view text);

/// A TCP connection, as seen by the member that has it. Both ends are of the same family.
struct Flow {
  Endpoint client{};
  Endpoint local{};

  bool v4() const noexcept { return client.v4(); }
  auto operator<=>(const Flow&) const = default;
};
std::string text_of(const Flow& flow);
/// Of a connected socket; `nullopt` when it is not one of TCP that has both ends.
std::optional<Flow> flow_of(int fd) noexcept;

/// Where a member takes frames, and where its helper takes orders to redirect them. Only helpers look inside;
/// the servers carry it from one to the other.
struct Place {
  std::array<std::uint8_t, 6> mac{};
  Endpoint director{};  ///< Port 0: it takes no orders.

  auto operator<=>(const Place&) const = default;
};
inline constexpr std::size_t kPlaceSize = 6 + 16 + 2;
using PlaceBytes = std::array<std::uint8_t, kPlaceSize>;
PlaceBytes to_bytes(const Place& place) noexcept;
Place place_of(const PlaceBytes& bytes) noexcept;

}  // namespace sluice::cluster::tcp
