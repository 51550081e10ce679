#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>

#include "server/http/message.hpp"

/// Which part of an application answers a request.
namespace sluice::http {

/// A set of methods. OPTIONS is answered by the router itself and HEAD follows from GET, so neither is ever
/// named.
enum class Methods : std::uint8_t {
  get = 1,
  post = 2,
  put = 4,
  delete_ = 8,
  patch = 16,
  get_post = get | post,
};
constexpr Methods operator|(Methods a, Methods b) noexcept {
  return static_cast<Methods>(static_cast<std::uint8_t>(a) | static_cast<std::uint8_t>(b));
}

/// An application's own numbering of what it can do.
using RouteId = std::uint16_t;

/// Table of exact paths; no patterns, so that lookup is one hash and no path is claimed twice. Immutable once
/// built, so any thread may use it.
class Router {
 public:
  struct Route {
    std::string_view path;
    Methods methods;
    RouteId id;
  };

  /// A path may occur several times with different methods. Throws std::invalid_argument when a path does not
  /// start with '/', or when two routes want the same method of the same path.
  explicit Router(std::initializer_list<Route> routes);

  /// The route, or the response to give instead: 404, 405 with `Allow`, or 204 with `Allow` for OPTIONS. The
  /// 404 is plain text; an application with a page for it asks `knows` first.
  std::variant<RouteId, Response> match(const Request& request) const;
  bool knows(std::string_view path) const noexcept { return paths_.find(path) != paths_.end(); }

 private:
  struct Path {
    std::array<RouteId, 5> ids{};  // by bit of Methods
    std::uint8_t methods = 0;
    std::string allow{};
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };

  std::unordered_map<std::string, Path, Hash, std::equal_to<>> paths_;
};

}  // namespace sluice::http
