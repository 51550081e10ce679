#include <algorithm>

#include "apps/auction/web/actions/actions.hpp"
#include "apps/auction/web/identity.hpp"
#include "apps/auction/web/page.hpp"
#include "apps/auction/web/templates.hpp"
#include "apps/auction/web/views.hpp"

namespace sluice::auction::web {

namespace {

constexpr std::string_view kTitle = "Register";
constexpr std::size_t kNameMax = 50;
constexpr std::size_t kNicknameMax = 30;
constexpr std::size_t kEmailMax = 100;
constexpr std::size_t kPasswordMin = 8;  // for people; RUBiS' client may have shorter ones
constexpr std::size_t kPasswordMax = 128;

Values::List region_rows(const Shop& shop, std::string_view chosen) {
  Values::List rows;
  rows.reserve(shop.regions.size());
  for (const Region& region : shop.regions) {
    Values row;
    row.text("name", region.name)
        .text("label", region_label(region.name))
        .flag("chosen", region.name == chosen);
    rows.push_back(std::move(row));
  }
  return rows;
}

http::Response show_form(Shop& shop, Visit& visit, Interaction interaction, const FormErrors& errors) {
  Values values;
  // A password is never sent back.
  for (const std::string_view name : {"firstname", "lastname", "email"}) {
    values.text(name, std::string{visit.is_post() ? visit.form.get(name) : std::string_view{}});
  }
  values.text("new_nickname", std::string{visit.is_post() ? visit.form.get("nickname") : std::string_view{}});
  values.list("regions", region_rows(shop, visit.form.get("region"))).text("csrf", visit.csrf());
  errors.show_in(values);
  return page(visit, interaction, kTitle, templates().register_form.render(values));
}

bool is_of_length(std::string_view text, std::size_t most) noexcept {
  return !text.empty() && text.size() <= most;
}

/// What stands for one person in lists must not look like another's or like nothing.
bool is_nickname(std::string_view text, bool strict) noexcept {
  if (!is_of_length(text, kNicknameMax)) return false;
  return !strict || std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

bool is_email(std::string_view text) noexcept {
  const auto at = text.find('@');
  return is_of_length(text, kEmailMax) && at != text.npos && at > 0 && at + 1 < text.size() &&
         text.find(' ') == text.npos;
}

FormErrors check(const Visit& visit) {
  const bool strict = visit.family == Family::people;
  const auto text = [&](std::string_view name) { return visit.form.get(name); };
  FormErrors errors;
  if (!is_of_length(text("firstname"), kNameMax)) errors.add("err_firstname", "Enter your first name.");
  if (!is_of_length(text("lastname"), kNameMax)) errors.add("err_lastname", "Enter your last name.");
  if (!is_nickname(text("nickname"), strict)) {
    errors.add("err_nickname", "Choose a nickname of up to 30 letters, digits, '-', '_' or '.'.");
  }
  if (!is_email(text("email"))) errors.add("err_email", "Enter an e-mail address such as you@example.com.");
  const std::size_t length = text("password").size();
  if (length < (strict ? kPasswordMin : 1) || length > kPasswordMax) {
    errors.add("err_password", "Choose a password of 8 to 128 characters.");
  }
  if (text("region").empty()) errors.add("err_region", "Choose your region.");
  return errors;
}

http::Response refused(Shop& shop, Visit& visit, const FormErrors& errors) {
  constexpr auto kInteraction = Interaction::register_user;
  if (visit.family == Family::rubis) return failure(visit, kInteraction, 400, kTitle, errors.joined());
  return show_form(shop, visit, kInteraction, errors);
}

http::Response registered(Visit& visit, const User& user) {
  Values values;
  values.text("firstname", user.firstname)
      .text("new_nickname", user.nickname)
      .text("region", region_label(user.region_name));
  return page(visit, Interaction::register_user, "Welcome", templates().register_done.render(values));
}

}  // namespace

Task<http::Response> register_form(Shop& shop, Visit& visit) {
  co_return show_form(shop, visit, Interaction::register_form, {});
}

Task<http::Response> register_user(Shop& shop, Visit& visit) {
  constexpr auto kInteraction = Interaction::register_user;
  if (visit.family == Family::rubis && !visit.rubis_client)
    co_return rubis_client_refused(visit, kInteraction);
  FormErrors errors = check(visit);
  if (!errors.empty()) co_return refused(shop, visit, errors);
  auto region = co_await shop.repository->region_named(visit.form.get("region"));
  if (!region) co_return store_failure(visit, kInteraction, region.error());
  if (!*region) {
    errors.add("err_region", "There is no region of this name. Choose one of the list.");
    co_return refused(shop, visit, errors);
  }
  auto hash = co_await shop.shared.passwords.hash(shop.processor, std::string{visit.form.get("password")});
  if (!hash) co_return unavailable(visit, kInteraction);
  NewUser fresh{.firstname = std::string{visit.form.get("firstname")},
                .lastname = std::string{visit.form.get("lastname")},
                .nickname = std::string{visit.form.get("nickname")},
                .email = std::string{visit.form.get("email")},
                .password_hash = *hash,
                .region = (*region)->id};
  auto user = co_await shop.repository->register_user(std::move(fresh));
  if (!user && user.error() == StoreError::nickname_taken) {
    errors.add("err_nickname", "This nickname is taken. Choose another one.");
    co_return refused(shop, visit, errors);
  }
  if (!user) co_return store_failure(visit, kInteraction, user.error());
  if (visit.family == Family::rubis) {  // and will soon act, with the password in every request
    shop.credentials.remember(user->nickname, visit.form.get("password"), *hash, coarse_now());
    co_return registered(visit, *user);
  }
  co_return co_await logged_in(shop, visit, kInteraction, user->id, user->nickname, "/me");
}

}  // namespace sluice::auction::web
