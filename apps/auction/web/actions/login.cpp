#include <algorithm>

#include "apps/auction/web/actions/actions.hpp"
#include "apps/auction/web/identity.hpp"
#include "apps/auction/web/page.hpp"
#include "apps/auction/web/secrets.hpp"
#include "apps/auction/web/templates.hpp"

namespace sluice::auction::web {

namespace {

constexpr std::string_view kTitle = "Log in";
constexpr std::size_t kReturnMax = 512;
constexpr std::size_t kNicknameMax = 100;
constexpr std::size_t kPasswordMax = 200;
constexpr std::chrono::seconds kDeviceLifetime = std::chrono::days{365};

/// Only paths of this site: "//host" and "/\host" would lead elsewhere.
std::string checked_return(std::string_view path) {
  const bool ours =
      path.starts_with('/') && !path.starts_with("//") && path.size() <= kReturnMax &&
      std::all_of(path.begin(), path.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '\\'; });
  return ours ? std::string{path} : "/me";
}

http::Response try_again(Visit& visit, unsigned status, std::string_view problem) {
  return login_page(visit, Interaction::login, kTitle, checked_return(visit.form.get("return")), problem,
                    visit.form.get("nickname"), status);
}

http::Response too_many(Visit& visit, std::chrono::seconds wait) {
  auto response = try_again(visit, 429,
                            "There were too many attempts. Please wait " + std::to_string(wait.count()) +
                                " seconds and try again.");
  response.set("Retry-After", std::to_string(wait.count()));
  return response;
}

/// The configured cost may have risen since the password was stored. Trying is enough: it comes again.
Task<void> strengthen(Shop& shop, Id user, std::string stored, std::string password) {
  PasswordPool& pool = shop.shared.passwords;
  if (cost_of(stored) == pool.cost()) co_return;
  auto hash = co_await pool.hash(shop.processor, std::move(password));
  if (hash) static_cast<void>(co_await shop.repository->set_password_hash(user, std::move(*hash)));
}

}  // namespace

Task<http::Response> login_form(Shop&, Visit& visit) {
  const std::string path = checked_return(visit.form.get("return"));
  if (visit.session) co_return redirect(Interaction::login, path);
  co_return login_page(visit, Interaction::login, kTitle, path);
}

Task<http::Response> login(Shop& shop, Visit& visit) {
  const std::string nickname{visit.form.get("nickname")};
  std::string password{visit.form.get("password")};
  if (nickname.empty() || password.empty())
    co_return try_again(visit, 200, "Enter your nickname and your password.");
  constexpr std::string_view kWrong = "There is no member of this nickname and password.";
  if (nickname.size() > kNicknameMax || password.size() > kPasswordMax)
    co_return try_again(visit, 200, kWrong);

  const std::string device = known_device(visit.request, shop.shared.device_key, nickname);
  const LoginLimiter::Attempt attempt{.nickname = nickname,
                                      .address = visit.request.peer != nullptr
                                                     ? std::string_view{visit.request.peer->address}
                                                     : std::string_view{},
                                      .device = device};
  if (const auto wait = shop.shared.limiter.take(attempt, Monotonic::now())) co_return too_many(visit, *wait);

  auto check = co_await check_password(shop, nickname, password);
  if (check.verdict == Verdict::wrong) co_return try_again(visit, 200, kWrong);
  shop.shared.limiter.give_back(attempt);  // only wrong passwords count
  if (check.verdict == Verdict::busy) co_return unavailable(visit, Interaction::login);
  if (check.verdict == Verdict::store_failed)
    co_return store_failure(visit, Interaction::login, check.store_error);
  co_await strengthen(shop, check.credentials.user, check.credentials.password_hash, std::move(password));
  co_return co_await logged_in(shop, visit, Interaction::login, check.credentials.user, nickname,
                               checked_return(visit.form.get("return")));
}

Task<http::Response> logged_in(Shop& shop, Visit& visit, Interaction interaction, Id user,
                               std::string nickname, std::string path) {
  const std::string secret = new_secret();  // never one that the browser brought: no fixation
  const auto lifetime = shop.shared.config.login_lifetime;
  auto started = co_await shop.repository->start_login(login_key(secret), user, visit.now + lifetime);
  if (!started) co_return store_failure(visit, interaction, started.error());
  if (visit.session) static_cast<void>(co_await shop.repository->end_login(login_key(visit.session->secret)));
  auto response = redirect(interaction, std::move(path));
  response.set("Set-Cookie", set_cookie(kLoginCookie, base64url(secret), lifetime));
  response.set("Set-Cookie",
               set_cookie(kDeviceCookie, device_proof(shop.shared.device_key, nickname), kDeviceLifetime));
  response.set("Set-Cookie", expire_cookie(kVisitCookie));
  co_return response;
}

Task<http::Response> logout_form(Shop&, Visit& visit) {
  Values values;
  values.flag("logged_in", visit.session.has_value()).text("csrf", visit.csrf());
  co_return page(visit, Interaction::logout, "Log out", templates().logout.render(values));
}

Task<http::Response> logout(Shop& shop, Visit& visit) {
  if (visit.session) {
    auto ended = co_await shop.repository->end_login(login_key(visit.session->secret));
    if (!ended) co_return store_failure(visit, Interaction::logout, ended.error());
  }
  auto response = redirect(Interaction::logout, "/");
  response.set("Set-Cookie", expire_cookie(kLoginCookie));
  co_return response;
}

Task<http::Response> logout_everywhere(Shop& shop, Visit& visit) {
  if (visit.session) {
    auto ended = co_await shop.repository->end_logins_of(visit.session->login.user);
    if (!ended) co_return store_failure(visit, Interaction::logout, ended.error());
  }
  auto response = redirect(Interaction::logout, "/");
  response.set("Set-Cookie", expire_cookie(kLoginCookie));
  co_return response;
}

}  // namespace sluice::auction::web
