#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/system/error_code.hpp>

#include "apps/auction/web/interactions.hpp"
#include "apps/auction/web/shop.hpp"
#include "apps/auction/web/template.hpp"

/// Whole pages, and what many of them share.
namespace sluice::auction::web {

/// `body` within the layout. In RUBiS' family the status is always 200.
http::Response page(Visit& visit, Interaction interaction, std::string_view title, const std::string& body,
                    unsigned status = 200);

/// The page of that key, if it was kept and may still be shown.
std::optional<http::Response> kept_page(Shop& shop, Visit& visit, const PageKey& key);

/// A page that says one thing. An ordinary outcome also to RUBiS' client.
http::Response message(Visit& visit, Interaction interaction, unsigned status, std::string_view title,
                       std::string_view sentence);
/// The same, but RUBiS flags it: in its family the title of the page is "RUBiS ERROR: <title>".
http::Response failure(Visit& visit, Interaction interaction, unsigned status, std::string_view title,
                       std::string_view sentence);
/// 403: a write step of RUBiS' client where that client is not served.
http::Response rubis_client_refused(Visit& visit, Interaction interaction);
/// 503 in both families, with Retry-After: not an outcome of the auction.
http::Response unavailable(Visit& visit, Interaction interaction);
/// What an error of the store means to the visitor.
http::Response store_failure(Visit& visit, Interaction interaction, boost::system::error_code error);

/// 303 to a path of this site.
http::Response redirect(Interaction interaction, std::string path);

/// What is wrong with a form: a summary on top that links to the fields, and a note at each.
class FormErrors {
 public:
  /// `name` is that of the field's note in the template: "err_" and the id of the field.
  void add(std::string_view name, std::string sentence) { errors_.emplace_back(name, std::move(sentence)); }
  bool empty() const noexcept { return errors_.empty(); }
  void show_in(Values& values) const;
  /// All sentences, for RUBiS' family.
  std::string joined() const;

 private:
  std::vector<std::pair<std::string_view, std::string>> errors_;
};

/// Hidden fields of a people's form: CSRF token and form token. In RUBiS' client mode there are none.
void add_form_tokens(Values& values, Visit& visit);
/// The form token that was sent; `nullopt` when absent or not one of ours.
std::optional<FormToken> form_token(const Visit& visit);

/// An integer parameter.
std::optional<Id> id_param(const Visit& visit, std::string_view name);

}  // namespace sluice::auction::web
