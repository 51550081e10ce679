#include "apps/auction/web/processor.hpp"

#include "apps/auction/web/assets.hpp"
#include "apps/auction/web/page.hpp"
#include "apps/auction/web/pictures.hpp"

namespace sluice::auction::web {

namespace {

http::Response serve_picture(const PictureOf& what) {
  http::Response response;
  response.interaction = static_cast<std::uint16_t>(Interaction::picture);
  response.content_type = "image/svg+xml";
  response.body = picture(what);
  response.set("Cache-Control", "public, max-age=31536000, immutable");
  return response;
}

http::Response not_allowed(const Route& route) {
  if (route.get == nullptr) return http::method_not_allowed("POST");
  return http::method_not_allowed(route.post == nullptr ? "GET, HEAD" : "GET, HEAD, POST");
}

Action action_of(const Route& route, http::Verb method) noexcept {
  switch (method) {
    case http::Verb::get:
    case http::Verb::head: return route.get;
    case http::Verb::post: return route.post;
    default: return nullptr;
  }
}

/// Why a people's post is not acted on; `nullopt` when it is one of ours.
std::optional<http::Response> refused_post(Visit& visit) {
  const std::string_view secret = visit.session ? visit.session->secret : visit.visit_secret;
  if (comes_from_this_site(visit.request) && !secret.empty() &&
      is_csrf_token(secret, visit.form.get("csrf"))) {
    return std::nullopt;
  }
  return message(visit, Interaction::other, 403, "This form can't be used any more",
                 "You may have logged in or out since it was shown, or your browser did not send our cookie. "
                 "Nothing was recorded. Please go back, reload the page and send it again.");
}

http::Response not_found(const http::Request& request) {
  Visit visit{.request = request};
  return message(visit, Interaction::other, 404, "Page not found", "There is nothing at this address.");
}

}  // namespace

Processor::Processor(Shared& shared, const server::ProcessorContext& context,
                     std::unique_ptr<Repository> repository)
    : shop_{.shared = shared,
            .processor = context,
            .repository = std::move(repository),
            .pages{shared.config.page_cache_bytes / context.processors, shared.page_caches.add()}} {}

Processor::~Processor() { shop_.shared.passwords.forget(shop_.processor.executor); }

Task<http::Response> Processor::handle(const http::Request& request) {
  if (const Route* route = find_route(request.path)) {
    if (action_of(*route, request.method) == nullptr) co_return not_allowed(*route);
    http::Response response = co_await answer(*route, request);
    response.protect = leads_to_a_deal(static_cast<Interaction>(response.interaction));
    co_return response;
  }
  const bool reads = request.method == http::Verb::get || request.method == http::Verb::head;
  if (const auto what = picture_of(request.path)) {
    co_return reads ? serve_picture(*what) : http::method_not_allowed("GET, HEAD");
  }
  if (auto asset = assets().serve(request, shop_.shared.config.now())) co_return std::move(*asset);
  co_return not_found(request);
}

bool Processor::knows(const http::Request& request) const {
  return find_route(request.path) != nullptr || picture_of(request.path) || assets().has(request.path);
}

Task<http::Response> Processor::answer(const Route& route, const http::Request& request) {
  const Config& config = shop_.shared.config;
  Visit visit{.request = request, .family = route.family, .now = config.now()};
  visit.rubis_client = config.rubis_client && route.family == Family::rubis;
  if (auto secret = cookie_secret(request, kVisitCookie)) visit.visit_secret = std::move(*secret);
  if (auto secret = cookie_secret(request, kLoginCookie)) {
    auto login = co_await shop_.repository->login(login_key(*secret), visit.now);
    if (!login) co_return store_failure(visit, Interaction::other, login.error());
    if (*login) visit.session = Session{std::move(**login), std::move(*secret)};
  }
  if (auto loaded = co_await load_catalogue(shop_); !loaded) {
    co_return store_failure(visit, Interaction::other, loaded.error());
  }
  if (visit.is_post() && !is_form_post(request)) {
    co_return message(visit, Interaction::other, 415, "Not a form", "This page only takes forms.");
  }
  auto form = http::parse_form(visit.is_post() ? std::string_view{request.body} : request.query);
  if (!form)
    co_return message(visit, Interaction::other, 400, "This form can't be read", form.error().message());
  visit.form = std::move(*form);
  if (visit.is_post() && route.family == Family::people) {
    if (auto refusal = refused_post(visit)) co_return std::move(*refusal);
  }
  co_return co_await action_of(route, request.method)(shop_, visit);
}

}  // namespace sluice::auction::web
