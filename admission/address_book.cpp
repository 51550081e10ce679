#include "admission/address_book.hpp"

#include <algorithm>
#include <cmath>

namespace sluice::admission {

namespace {
constexpr double kForgotten = 0.1;  // less than a tenth of a handshake
}

void AddressBook::fade(Entry& entry, Instant now) const noexcept {
  const std::chrono::duration<double> passed = now - entry.at;
  const double keep =
      std::exp(-std::max(0.0, passed.count()) / static_cast<double>(settings_.memory.count()));
  entry.finished *= keep;
  entry.unfinished *= keep;
  entry.at = now;
}

void AddressBook::make_room(Instant now) {
  for (auto at = entries_.begin(); at != entries_.end();) {
    fade(at->second, now);
    const bool forgotten = at->second.finished + at->second.unfinished < kForgotten;
    at = forgotten ? entries_.erase(at) : std::next(at);
  }
  // A flood of addresses: nobody is worth it. Nor would it be to look at all of them again for the next few.
  if (entries_.size() > settings_.addresses / 4 * 3) entries_.clear();
}

AddressBook::Entry& AddressBook::entry(Address address, Instant now) {
  if (const auto found = entries_.find(address); found != entries_.end()) {
    fade(found->second, now);
    return found->second;
  }
  if (entries_.size() >= settings_.addresses) make_room(now);
  return entries_.emplace(address, Entry{.at = now}).first->second;
}

bool AddressBook::suspect(Address address, Instant now) {
  const auto found = entries_.find(address);
  if (found == entries_.end()) return false;
  fade(found->second, now);
  return found->second.unfinished > settings_.unfinished_max &&
         found->second.unfinished > found->second.finished;
}

}  // namespace sluice::admission
