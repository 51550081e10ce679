#include "apps/auction/web/page.hpp"

#include <algorithm>

#include "apps/auction/web/numbers.hpp"
#include "apps/auction/web/secrets.hpp"
#include "apps/auction/web/templates.hpp"
#include "base/bytes.hpp"

namespace sluice::auction::web {

namespace {

std::string in_layout(Visit& visit, Html title, const std::string& body) {
  Values values;
  values.html("title", std::move(title)).borrowed("body", body);
  values.text("query", std::string{visit.is_post() ? std::string_view{} : visit.form.get("q")});
  if (visit.session) values.text("nickname", visit.session->login.nickname).text("logout_csrf", visit.csrf());
  std::string out;
  out.reserve(body.size() + 4096);
  templates().layout.render(values, out);
  return out;
}

http::Response html(Visit& visit, Interaction interaction, Html title, const std::string& body,
                    unsigned status) {
  http::Response response;
  response.status = status;
  response.interaction = static_cast<std::uint16_t>(interaction);
  response.body = in_layout(visit, std::move(title), body);
  // Pages hold prices, names and tokens of the moment. Going back to one of them is fine, keeping it on disk
  // is not.
  response.set("Cache-Control", visit.session || !visit.visit_secret.empty() ? "no-store" : "no-cache");
  if (visit.visit_cookie_is_new) {
    response.set("Set-Cookie", set_cookie(kVisitCookie, base64url(visit.visit_secret), std::nullopt));
  }
  return response;
}

unsigned shown_status(const Visit& visit, unsigned status) noexcept {
  return visit.family == Family::rubis ? 200 : status;
}

std::string message_body(std::string_view title, std::string_view sentence) {
  Values values;
  values.text("heading", std::string{title}).text("sentence", std::string{sentence});
  return templates().message.render(values);
}

}  // namespace

http::Response page(Visit& visit, Interaction interaction, std::string_view title, const std::string& body,
                    unsigned status) {
  return html(visit, interaction, Html{escaped(title)}, body, shown_status(visit, status));
}

std::optional<http::Response> kept_page(Shop& shop, Visit& visit, const PageKey& key) {
  const KeptPage* kept = shop.pages.find(key, *shop.repository, visit.now);
  if (kept == nullptr) return std::nullopt;
  return page(visit, key.interaction, kept->title, kept->body);
}

http::Response message(Visit& visit, Interaction interaction, unsigned status, std::string_view title,
                       std::string_view sentence) {
  return page(visit, interaction, title, message_body(title, sentence), status);
}

http::Response failure(Visit& visit, Interaction interaction, unsigned status, std::string_view title,
                       std::string_view sentence) {
  if (visit.family == Family::people) return message(visit, interaction, status, title, sentence);
  return html(visit, interaction, Html{"RUBiS ERROR: " + escaped(title)}, message_body(title, sentence), 200);
}

http::Response rubis_client_refused(Visit& visit, Interaction interaction) {
  constexpr std::string_view kTitle = "Not available here";
  return html(visit, interaction, Html{std::string{kTitle}},
              message_body(kTitle,
                           "This address belongs to the RUBiS benchmark client, which this server does not "
                           "serve. Please log in and use the shop's own pages."),
              403);
}

http::Response unavailable(Visit& visit, Interaction interaction) {
  constexpr std::string_view kTitle = "Busy for a moment";
  auto response = html(visit, interaction, Html{std::string{kTitle}},
                       message_body(kTitle,
                                    "Nothing of what you sent was recorded, and nothing of yours is lost. "
                                    "Please try again in a few seconds."),
                       503);
  response.set("Retry-After", "3");
  return response;
}

http::Response store_failure(Visit& visit, Interaction interaction, boost::system::error_code error) {
  if (error == StoreError::nickname_taken) {
    return failure(visit, interaction, 409, "Register", "The nickname you have chosen is already taken.");
  }
  if (error == StoreError::invalid) {
    return failure(visit, interaction, 400, "Not recorded", "A number in the form is out of bounds.");
  }
  return unavailable(visit, interaction);
}

http::Response redirect(Interaction interaction, std::string path) {
  auto response = http::see_other(std::move(path));
  response.interaction = static_cast<std::uint16_t>(interaction);
  response.set("Cache-Control", "no-store");
  return response;
}

void FormErrors::show_in(Values& values) const {
  Values::List rows;
  for (const auto& [name, sentence] : errors_) {
    constexpr std::size_t kPrefix = 4;  // "err_"
    Values row;
    row.text("field", std::string{name.substr(kPrefix)}).text("sentence", sentence);
    rows.push_back(std::move(row));
    values.text(name, sentence);
  }
  values.flag("errors", !rows.empty()).list("error_rows", std::move(rows));
}

std::string FormErrors::joined() const {
  std::string text;
  for (const auto& [name, sentence] : errors_) text.append(text.empty() ? "" : " ").append(sentence);
  return text;
}

void add_form_tokens(Values& values, Visit& visit) {
  if (visit.rubis_client && !visit.session) return;
  const std::string token = random_bytes(std::tuple_size_v<FormToken>);
  values.text("csrf", visit.csrf()).text("form", to_hex(as_bytes(token)));
}

std::optional<FormToken> form_token(const Visit& visit) {
  const auto bytes = from_hex(visit.form.get("form"));
  FormToken token{};
  if (!bytes || bytes->size() != token.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), token.begin());
  return token;
}

std::optional<Id> id_param(const Visit& visit, std::string_view name) {
  return parse_integer(visit.form.get(name));
}

}  // namespace sluice::auction::web
