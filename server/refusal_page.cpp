#include "server/refusal_page.hpp"

#include <string_view>

namespace sluice::server {

namespace {

constexpr std::string_view kHead =
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta name=\"robots\" content=\"noindex\">\n";
constexpr std::string_view kStyle =
    "<style>:root{color-scheme:light dark}body{font:1.125rem/1.6 system-ui,sans-serif;max-width:34rem;"
    "margin:16vh auto 0;padding:0 1.25rem}h1{font-size:1.6rem;line-height:1.25}"
    "a{display:inline-block;margin-top:.5rem}</style>\n</head>\n<body>\n<main>\n";

struct Words {
  std::string_view title, text;
};

Words words_of(Busy why, bool may_repeat) {
  switch (why) {
    case Busy::full:
      return {
          "We are full at the moment",
          may_repeat
              ? "More people are here than we can serve well, so we let new visitors in one by one. You have "
                "a place in line, and this page tries again by itself."
              : "More people are here than we can serve well. Nothing of what you sent was recorded; "
                "please go back and send it again in a moment."};
    case Busy::shed:
      return {"We had to interrupt your visit",
              "Something takes much longer than usual, and we can only serve a part of our visitors for now. "
              "We are "
              "sorry. Nothing that was confirmed to you is lost; this page tries again by itself."};
    case Busy::waiting: break;
  }
  return {"One moment please",
          may_repeat ? "This takes longer than usual. Your visit goes on; this page tries again by itself."
                     : "This takes longer than usual, and what you sent was not recorded. Please go "
                       "back and send it again in a moment."};
}

}  // namespace

http::Response busy_page(Busy why, std::chrono::seconds wait, bool may_repeat) {
  const Words words = words_of(why, may_repeat);
  const std::string seconds = std::to_string(wait.count());
  const bool reloads = may_repeat || why == Busy::shed;
  std::string page{kHead};
  page += "<title>";
  page += words.title;
  page += "</title>\n";
  if (reloads) page += "<meta http-equiv=\"refresh\" content=\"" + seconds + "\">\n";
  page += kStyle;
  page += "<h1>";
  page += words.title;
  page += "</h1>\n<p>";
  page += words.text;
  page += "</p>\n<p role=\"status\">Next try in about " + seconds +
          (wait.count() == 1 ? " second" : " seconds") + ".</p>\n";
  if (reloads) page += "<p><a href=\"\">Try now</a></p>\n";
  page += "</main>\n</body>\n</html>\n";

  http::Response response{.status = 503, .body = std::move(page)};
  response.set("Retry-After", seconds);
  response.set("Cache-Control", "no-store");
  response.set("Content-Security-Policy",
               "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
  response.close = why != Busy::waiting;
  return response;
}

}  // namespace sluice::server
