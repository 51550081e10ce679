#include "apps/auction/web/identity.hpp"

#include "apps/auction/web/page.hpp"
#include "apps/auction/web/templates.hpp"

namespace sluice::auction::web {

Task<PasswordCheck> check_password(Shop& shop, std::string nickname, std::string password) {
  auto found = co_await shop.repository->credentials(nickname);
  if (!found) co_return PasswordCheck{.verdict = Verdict::store_failed, .store_error = found.error()};
  PasswordPool& pool = shop.shared.passwords;
  const bool exists = found->has_value();
  const std::string stored = exists ? (*found)->password_hash : pool.decoy();
  const auto right = [&] {
    return PasswordCheck{.verdict = Verdict::right, .credentials = std::move(**found)};
  };
  if (exists && shop.credentials.knows(nickname, password, stored, coarse_now())) co_return right();

  const auto matches = co_await pool.verify(shop.processor, password, stored);
  if (!matches) co_return PasswordCheck{.verdict = Verdict::busy};
  if (!*matches || !exists) co_return PasswordCheck{};
  shop.credentials.remember(nickname, password, stored, coarse_now());
  co_return right();
}

namespace {

Task<Identity> identify_rubis_client(Shop& shop, Visit& visit, Interaction interaction,
                                     const Unknown& unknown) {
  const std::string nickname{visit.form.get("nickname")}, password{visit.form.get("password")};
  const auto answer = [&](std::string_view sentence) {
    const auto say = unknown.flagged ? &failure : &message;
    return Identity{.answer = say(visit, interaction, 403, unknown.heading, sentence)};
  };
  if (nickname.empty() || password.empty()) co_return answer("Nickname and password are required.");
  auto check = co_await check_password(shop, nickname, password);
  switch (check.verdict) {
    case Verdict::right: co_return Identity{.person = Person{check.credentials.user, nickname}};
    case Verdict::wrong: break;
    case Verdict::busy: co_return Identity{.answer = unavailable(visit, interaction)};
    case Verdict::store_failed:
      co_return Identity{.answer = store_failure(visit, interaction, check.store_error)};
  }
  co_return answer("There is no user of this nickname and password.");
}

}  // namespace

Task<Identity> identify(Shop& shop, Visit& visit, Interaction interaction, Unknown unknown) {
  if (visit.rubis_client && (visit.form.has("nickname") || !visit.session)) {
    co_return co_await identify_rubis_client(shop, visit, interaction, unknown);
  }
  if (visit.session)
    co_return Identity{.person = Person{visit.session->login.user, visit.session->login.nickname}};
  co_return Identity{.answer = login_page(visit, unknown.form, unknown.heading, unknown.return_to)};
}

Identity author(Visit& visit, Interaction interaction, std::string_view user_param) {
  if (visit.family == Family::people) {
    if (visit.session) return {.person = Person{visit.session->login.user, visit.session->login.nickname}};
    return {.answer = login_page(visit, interaction, "Please log in first", "/", {}, {}, 401)};
  }
  if (!visit.rubis_client) return {.answer = rubis_client_refused(visit, interaction)};
  const auto user = id_param(visit, user_param);
  if (user) return {.person = Person{*user, {}}};
  return {.answer = failure(visit, interaction, 400, "Missing parameter", "The user's number is required.")};
}

http::Response login_page(Visit& visit, Interaction interaction, std::string_view heading,
                          std::string_view return_to, std::string_view problem, std::string_view nickname,
                          unsigned status) {
  Values values;
  values.text("heading", std::string{heading}).text("return", std::string{return_to});
  values.text("problem", std::string{problem}).text("login_name", std::string{nickname});
  values.text("csrf", visit.csrf());
  return page(visit, interaction, heading, templates().login.render(values), status);
}

}  // namespace sluice::auction::web
