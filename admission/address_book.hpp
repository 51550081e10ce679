#pragma once
#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "base/clock.hpp"

/// What became of the handshakes of each address, so that one that only ever begins them pays for it alone.
namespace sluice::admission {

struct AddressBookSettings {
  std::size_t addresses = 65'536;   ///< Remembered; when there are more, all fade at once.
  std::chrono::seconds memory{10};  ///< Time in which what is remembered fades to a third.
  double unfinished_max = 20;       ///< Handshakes that may be left open before an address is suspect.
};

/// One per processor. Suspect is who left more handshakes unfinished than it finished, and more than a person
/// would: behind a shared address (NAT) others finish theirs, which keeps it clean.
class AddressBook {
 public:
  using Instant = Monotonic::time_point;
  using Address = std::uint64_t;  ///< IPv4 address, or the first 64 bits of an IPv6 one.

  explicit AddressBook(AddressBookSettings settings = {}) : settings_(settings) {}

  void finished(Address address, Instant now) { entry(address, now).finished += 1; }
  void unfinished(Address address, Instant now) { entry(address, now).unfinished += 1; }
  bool suspect(Address address, Instant now);
  std::size_t size() const noexcept { return entries_.size(); }

 private:
  struct Entry {
    Instant at{};
    double finished = 0, unfinished = 0;
  };
  Entry& entry(Address address, Instant now);
  void fade(Entry& entry, Instant now) const noexcept;
  void make_room(Instant now);

  const AddressBookSettings settings_;
  std::unordered_map<Address, Entry> entries_;
};

}  // namespace sluice::admission
