#pragma once
#include <string>
#include <string_view>

#include "server/http/message.hpp"

/// Stylesheet and images compiled into the program.
namespace sluice::auction::web {

/// The path under which an asset is served: its name with a hash of its content, so it may be cached for
/// ever. `name` is the file's; an unknown one is a bug.
std::string_view asset_path(std::string_view name);

/// Answers a path below "/assets/": 200, 304 for a client that has it, or 404.
http::Response serve_asset(const http::Request& request);

/// Gives a response whose content never changes the headers for that.
void cache_for_ever(http::Response& response);

}  // namespace sluice::auction::web
