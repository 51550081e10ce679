#include "apps/auction/web/templates.hpp"

#include <stdexcept>

#include "apps/auction/web/assets.hpp"
#include "embedded/sluice_auction_web.hpp"

namespace sluice::auction::web {

namespace {

/// `[[style.css]]` in a template stands for the path of that asset.
std::string with_asset_paths(std::string_view source) {
  std::string text;
  for (auto at = source.find("[["); at != std::string_view::npos; at = source.find("[[")) {
    const auto end = source.find("]]", at);
    text.append(source.substr(0, at)).append(assets().url(source.substr(at + 2, end - at - 2)));
    source.remove_prefix(end + 2);
  }
  return text.append(source);
}

/// The parts that several pages have in common.
std::string part(std::string_view name) {
  const auto source = [&]() -> std::string_view {
    if (name == "form_parts") return embedded::form_parts_mustache;
    if (name == "item_head") return embedded::item_head_mustache;
    if (name == "item_rows") return embedded::item_rows_mustache;
    if (name == "comments") return embedded::comments_mustache;
    if (name == "errors") return embedded::errors_mustache;
    if (name == "paging") return embedded::paging_mustache;
    throw std::invalid_argument("no part of a page is named " + std::string{name});
  };
  return with_asset_paths(source());
}

Template parsed(std::string_view source) { return Template{with_asset_paths(source), part}; }

}  // namespace

Templates::Templates()
    : layout(parsed(embedded::layout_mustache)),
      message(parsed(embedded::message_mustache)),
      home(parsed(embedded::home_mustache)),
      browse(parsed(embedded::browse_mustache)),
      categories(parsed(embedded::categories_mustache)),
      regions(parsed(embedded::regions_mustache)),
      items(parsed(embedded::items_mustache)),
      item(parsed(embedded::item_mustache)),
      bids(parsed(embedded::bids_mustache)),
      user(parsed(embedded::user_mustache)),
      account(parsed(embedded::account_mustache)),
      login(parsed(embedded::login_mustache)),
      logout(parsed(embedded::logout_mustache)),
      bid_form(parsed(embedded::bid_form_mustache)),
      bid_done(parsed(embedded::bid_done_mustache)),
      buy_form(parsed(embedded::buy_form_mustache)),
      buy_done(parsed(embedded::buy_done_mustache)),
      comment_form(parsed(embedded::comment_form_mustache)),
      comment_done(parsed(embedded::comment_done_mustache)),
      sell_categories(parsed(embedded::sell_categories_mustache)),
      sell_form(parsed(embedded::sell_form_mustache)),
      sell_done(parsed(embedded::sell_done_mustache)),
      register_form(parsed(embedded::register_form_mustache)),
      register_done(parsed(embedded::register_done_mustache)) {}

const Templates& templates() {
  static const Templates all;
  return all;
}

}  // namespace sluice::auction::web
