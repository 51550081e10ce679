#pragma once
#include "apps/auction/web/template.hpp"

namespace sluice::auction::web {

/// Every page of the shop, parsed once per process and shared by all threads. Named as its file in
/// templates/.
struct Templates {
  Templates();  ///< Throws std::invalid_argument on a mistake in a file.

  Template layout, message, home, browse, categories, regions, items, item, bids, user, account, login,
      logout, bid_form, bid_done, buy_form, buy_done, comment_form, comment_done, sell_categories, sell_form,
      sell_done, register_form, register_done;
};

const Templates& templates();

}  // namespace sluice::auction::web
