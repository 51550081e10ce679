#include "apps/auction/web/assets.hpp"

#include <array>
#include <cassert>

#include "apps/auction/web/secrets.hpp"
#include "base/bytes.hpp"
#include "embedded/sluice_auction_web.hpp"

namespace sluice::auction::web {

namespace {

struct Asset {
  std::string_view name, content_type, body;
  std::string path, etag;
};

constexpr std::string_view kSvg = "image/svg+xml";

Asset asset(std::string_view name, std::string_view content_type, std::string_view body) {
  const Digest digest = sha256(body);
  const std::string hash = to_hex(Bytes{digest}.first(6));
  const auto dot = name.rfind('.');
  std::string path =
      "/assets/" + std::string{name.substr(0, dot)} + '-' + hash + std::string{name.substr(dot)};
  return {name, content_type, body, std::move(path), '"' + hash + '"'};
}

const auto& assets() {
  static const std::array all{
      asset("style.css", "text/css; charset=utf-8", embedded::style_css),
      asset("logo.svg", kSvg, embedded::logo_svg),
      asset("icon.svg", kSvg, embedded::icon_svg),
      asset("bid_now.svg", kSvg, embedded::bid_now_svg),
      asset("buy_it_now.svg", kSvg, embedded::buy_it_now_svg),
  };
  return all;
}

}  // namespace

std::string_view asset_path(std::string_view name) {
  for (const Asset& each : assets()) {
    if (each.name == name) return each.path;
  }
  assert(!"an asset of that name");
  return {};
}

void cache_for_ever(http::Response& response) {
  response.set("Cache-Control", "public, max-age=31536000, immutable");
}

http::Response serve_asset(const http::Request& request) {
  for (const Asset& each : assets()) {
    if (each.path != request.path) continue;
    http::Response response;
    response.set("ETag", each.etag);
    cache_for_ever(response);
    if (request.field("If-None-Match") == each.etag) {
      response.status = 304;
      response.content_type = {};
    } else {
      response.content_type = each.content_type;
      response.body = each.body;
    }
    return response;
  }
  return http::plain(404, "There is no such file.");
}

}  // namespace sluice::auction::web
