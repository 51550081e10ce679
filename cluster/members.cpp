#include "cluster/members.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace sluice::cluster {

namespace {

/// Spreads 64 bits evenly (the finaliser of SplitMix64, Steele et al. 2014).
std::uint64_t mixed(std::uint64_t x) noexcept {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

std::uint64_t weight(const tls::SessionIdBytes& id, tls::MemberNumber member) noexcept {
  return mixed(ByteReader{Bytes{id}.subspan(16)}.u64().value_or(0) ^ mixed(member));
}

/// The wall clocks of members differ, so a process that began later need not say so: the name settles it.
bool elder(const Hello& a, const Member& b) noexcept {
  return std::tie(a.incarnation, a.name) < std::tie(b.incarnation, b.name);
}

}  // namespace

Members::Members(const Hello& self) : self_(self), number_(tls::number_of_member(self.name)) {}

Member* Members::look_up(const std::string& name) noexcept {
  const auto found = std::ranges::lower_bound(others_, name, {}, &Member::name);
  return found == others_.end() || found->name != name ? nullptr : &*found;
}

const Member* Members::find(const std::string& name) const noexcept {
  const auto found = std::ranges::lower_bound(others_, name, {}, &Member::name);
  return found == others_.end() || found->name != name ? nullptr : &*found;
}

const Member* Members::find(tls::MemberNumber number) const noexcept {
  const auto found = std::ranges::find(others_, number, &Member::number);
  return found == others_.end() ? nullptr : &*found;
}

Members::Heard Members::hello(const Hello& from, Monotonic::time_point now) {
  if (from.name == self_.name) return from.incarnation == self_.incarnation ? Heard::myself : Heard::impostor;
  const tls::MemberNumber number = tls::number_of_member(from.name);
  if (Member* const known = look_up(from.name); known != nullptr) {
    // A clock that was set back is no reason to keep a member out.
    if (from.incarnation < known->incarnation && known->liveness != Liveness::dead) return Heard::older;
    const bool rejoined = from.incarnation != known->incarnation;
    if (rejoined || known->liveness != Liveness::alive)
      changes_.push_back({from.name, Liveness::alive, rejoined});
    known->incarnation = from.incarnation, known->address = from.address;
    known->liveness = Liveness::alive, known->heard = now;
    if (rejoined) known->digest = {};
    return Heard::welcome;
  }
  if (number == number_ || find(number) != nullptr) return Heard::impostor;
  if (others_.size() == kMembersMax) return Heard::full;
  const auto place = std::ranges::lower_bound(others_, from.name, {}, &Member::name);
  others_.insert(place, {.name = from.name,
                         .number = number,
                         .address = from.address,
                         .incarnation = from.incarnation,
                         .heard = now});
  changes_.push_back({from.name, Liveness::alive, true});
  return Heard::welcome;
}

bool Members::digest(const Hello& from, const Digest& digest, Monotonic::time_point now) {
  Member* const member = look_up(from.name);
  if (member == nullptr || member->incarnation != from.incarnation) return false;
  member->digest = digest, member->heard = now;
  if (member->liveness == Liveness::alive) return true;
  changes_.push_back({from.name, Liveness::alive, false});
  member->liveness = Liveness::alive;
  return true;
}

void Members::goodbye(const Hello& from) {
  Member* const member = look_up(from.name);
  if (member == nullptr || member->incarnation != from.incarnation || member->liveness == Liveness::dead)
    return;
  changes_.push_back({from.name, Liveness::dead, false});
  member->liveness = Liveness::dead;
}

std::vector<Members::Change> Members::tick(Monotonic::time_point now) {
  std::erase_if(others_, [&](const Member& member) {
    return member.liveness == Liveness::dead && now - member.heard > kForgetAfter;
  });
  for (Member& member : others_) {
    const auto silent = now - member.heard;
    const Liveness now_is = silent > kDeadAfter      ? Liveness::dead
                            : silent > kSuspectAfter ? Liveness::suspect
                                                     : Liveness::alive;
    if (now_is <= member.liveness) continue;  // only what it says makes it come back
    changes_.push_back({member.name, now_is, false});
    member.liveness = now_is;
  }
  return std::exchange(changes_, {});
}

bool Members::leads() const noexcept {
  return std::ranges::all_of(others_, [&](const Member& member) {
    return member.liveness == Liveness::dead || elder(self_, member);
  });
}

std::optional<tls::MemberNumber> Members::heir(const tls::SessionIdBytes& id) const noexcept {
  const Member* best = nullptr;
  std::uint64_t best_weight = 0;
  for (const Member& member : others_) {
    const std::uint64_t its_weight = weight(id, member.number);
    if (!member.serving() || (best != nullptr && its_weight <= best_weight)) continue;
    best = &member, best_weight = its_weight;
  }
  return best == nullptr ? std::nullopt : std::optional(best->number);
}

std::vector<tls::MemberNumber> Members::heirs(const tls::SessionIdBytes& id, std::size_t count) const {
  std::vector<tls::MemberNumber> heirs;
  for (const Member& member : others_)
    if (member.liveness == Liveness::alive) heirs.push_back(member.number);
  count = std::min(count, heirs.size());
  const auto by_weight = [&](tls::MemberNumber member) { return weight(id, member); };
  std::ranges::partial_sort(heirs, heirs.begin() + static_cast<std::ptrdiff_t>(count), std::greater{},
                            by_weight);
  heirs.resize(count);
  return heirs;
}

}  // namespace sluice::cluster
