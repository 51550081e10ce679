#pragma once
#include <span>
#include <string_view>

#include "apps/auction/web/actions/actions.hpp"

namespace sluice::auction::web {

/// Where a path leads. Both families of URLs lead to the same actions.
struct Route {
  std::string_view path;
  Family family = Family::people;
  Action get = nullptr;  ///< Also HEAD. Null: 405.
  Action post = nullptr;
};

std::span<const Route> routes() noexcept;
/// Null when no page has that path.
const Route* find_route(std::string_view path) noexcept;

}  // namespace sluice::auction::web
