#include "apps/auction/web/assets.hpp"

#include "embedded/sluice_auction_web.hpp"

namespace sluice::auction::web {

const http::EmbeddedFiles& assets() {
  static const http::EmbeddedFiles files{"/assets/",
                                         {{"style.css", embedded::style_css},
                                          {"logo.svg", embedded::logo_svg},
                                          {"icon.svg", embedded::icon_svg},
                                          {"bid_now.svg", embedded::bid_now_svg},
                                          {"buy_it_now.svg", embedded::buy_it_now_svg}}};
  return files;
}

}  // namespace sluice::auction::web
