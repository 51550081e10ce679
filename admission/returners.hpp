#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "admission/address_book.hpp"
#include "base/clock.hpp"

/// Where those come from who were told to come back.
namespace sluice::admission {

/// A returning visitor shows its place in line only over a finished handshake, so in a crowd somebody has to
/// guess who is worth one: the address tells. One per processor. A fixed number of addresses: one that is
/// expected takes the place of another that happens to share its slot, which then is a stranger among
/// strangers.
class Returners {
 public:
  using Instant = Monotonic::time_point;

  /// Somebody from there comes back within `from` and `until`.
  void expect(AddressBook::Address address, Instant from, Instant until) noexcept {
    slots_[slot_of(address)] = {address, from, until};
  }
  bool expected(AddressBook::Address address, Instant now) const noexcept {
    const Slot& slot = slots_[slot_of(address)];
    return slot.address == address && slot.from <= now && now < slot.until;
  }

 private:
  static constexpr std::size_t kBits = 12;
  struct Slot {
    AddressBook::Address address = 0;
    Instant from{}, until{};
  };
  static std::size_t slot_of(AddressBook::Address address) noexcept {
    return (address * 0x9e3779b97f4a7c15U) >> (64 - kBits);
  }

  std::array<Slot, std::size_t{1} << kBits> slots_{};
};

}  // namespace sluice::admission
