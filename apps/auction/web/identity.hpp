#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "apps/auction/web/interactions.hpp"
#include "apps/auction/web/shop.hpp"

/// Who a visitor is.
namespace sluice::auction::web {

struct Person {
  Id id = 0;
  std::string nickname;
};

enum class Verdict : std::uint8_t { right, wrong, busy, store_failed };

struct PasswordCheck {
  Verdict verdict = Verdict::wrong;
  Credentials credentials{};                ///< When right.
  boost::system::error_code store_error{};  ///< When store_failed.
};
/// Unknown nickname and wrong password: same answer, same time (a hash each, at the configured cost).
Task<PasswordCheck> check_password(Shop& shop, std::string nickname, std::string password);

/// The person to act for, or the page to answer instead.
struct Identity {
  std::optional<Person> person{};
  std::optional<http::Response> answer{};
};

/// What to do about a visitor whom we don't know.
struct Unknown {
  Interaction form = Interaction::login;  ///< What showing the login form counts as.
  std::string_view heading;               ///< "Log in to bid"
  std::string return_to;                  ///< Path to go on at after the login.
  bool flagged = true;  ///< RUBiS' client with a wrong password: a flagged failure, or a message.
};

/// People are who their login says. RUBiS' client, where it is served, is whom `nickname` and `password`
/// name. Everybody else gets the login form.
Task<Identity> identify(Shop& shop, Visit& visit, Interaction interaction, Unknown unknown);

/// The author of a write step. RUBiS' client names its user by the parameter `user_param` and proves nothing;
/// where it isn't served, its write URLs answer 403.
Identity author(Visit& visit, Interaction interaction, std::string_view user_param);

/// The login form, which leads to `return_to`.
http::Response login_page(Visit& visit, Interaction interaction, std::string_view heading,
                          std::string_view return_to, std::string_view problem = {},
                          std::string_view nickname = {}, unsigned status = 200);

}  // namespace sluice::auction::web
