#pragma once
#include <compare>
#include <cstdint>

#include "server/tls/session_id.hpp"

namespace sluice::server {

/// Names a hand-over of a connection: the member it comes from, that one's process, and a number of its own.
struct HandoverKey {
  tls::MemberNumber member = 0;
  std::uint64_t incarnation = 0;
  std::uint64_t id = 0;
  auto operator<=>(const HandoverKey&) const = default;
};

}  // namespace sluice::server
