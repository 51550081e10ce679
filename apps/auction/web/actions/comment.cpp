#include <array>

#include "apps/auction/web/actions/actions.hpp"
#include "apps/auction/web/identity.hpp"
#include "apps/auction/web/numbers.hpp"
#include "apps/auction/web/page.hpp"
#include "apps/auction/web/templates.hpp"
#include "apps/auction/web/views.hpp"

namespace sluice::auction::web {

namespace {

constexpr std::string_view kTitle = "Leave feedback";
constexpr std::size_t kCommentMax = 4096;  // bytes
constexpr std::int64_t kRatingMax = 5;

/// Whom the comment is about, and the item it is about.
struct About {
  Id to = 0, item = 0;
};

std::optional<About> about(const Visit& visit) {
  const auto to = id_param(visit, "to"), item = id_param(visit, "itemId");
  if (!to || !item) return std::nullopt;
  return About{*to, *item};
}

Unknown login_to_comment(const About& about) {
  return {.form = Interaction::put_comment_auth,
          .heading = "Log in to leave feedback",
          .return_to = "/comment?to=" + std::to_string(about.to) + "&itemId=" + std::to_string(about.item)};
}

Values::List rating_rows(std::optional<std::int64_t> chosen) {
  struct Rating {
    std::int64_t value;
    const char* label;
  };
  static constexpr std::array<Rating, 5> kRatings{
      {{5, "Excellent"}, {3, "Good"}, {0, "Neutral"}, {-3, "Below average"}, {-5, "Bad"}}};
  Values::List rows;
  for (const auto& [value, label] : kRatings) {
    Values row;
    row.number("value", value).text("label", label).flag("chosen", value == chosen);
    rows.push_back(std::move(row));
  }
  return rows;
}

http::Response missing(Visit& visit, Interaction interaction) {
  return failure(visit, interaction, 400, kTitle, "A member and an item are required.");
}

/// The form, with what was typed and what is wrong with it.
Task<http::Response> comment_form(Shop& shop, Visit& visit, Interaction interaction, About about,
                                  Person person, FormErrors errors) {
  auto to = co_await shop.repository->user(about.to);
  if (!to) co_return store_failure(visit, interaction, to.error());
  auto item = co_await shop.repository->item(about.item);
  if (!item) co_return store_failure(visit, interaction, item.error());
  // RUBiS shows the form all the same.
  if ((!*to || !*item) && visit.family == Family::people) {
    co_return message(visit, interaction, 404, kTitle, "There is no such member or no such item.");
  }
  Values values;
  const bool as_rubis_client = visit.rubis_client && !visit.session;
  values.text("action",
              as_rubis_client ? "/rubis_servlets/servlet/edu.rice.rubis.servlets.StoreComment" : "/comment");
  values.number("to", about.to).number("item", about.item).number("from", person.id);
  values.text("to_name", shown_name(*to ? (*to)->nickname : std::string{}));
  values.text("item_name", *item ? (*item)->name : "an item that is gone");
  const auto chosen = visit.is_post() ? id_param(visit, "rating") : std::optional<Id>{};
  values.list("ratings", rating_rows(chosen)).text("comment", std::string{visit.form.get("comment")});
  add_form_tokens(values, visit);
  errors.show_in(values);
  co_return page(visit, interaction, kTitle, templates().comment_form.render(values));
}

FormErrors check(std::optional<std::int64_t> rating, std::string_view text) {
  FormErrors errors;
  if (!rating || *rating < -kRatingMax || *rating > kRatingMax) errors.add("err_rating", "Choose a rating.");
  if (text.empty()) errors.add("err_comment", "Write a few words.");
  if (text.size() > kCommentMax) errors.add("err_comment", "Keep it below 4,000 characters.");
  return errors;
}

}  // namespace

Task<http::Response> put_comment_auth(Shop& shop, Visit& visit) {
  const auto subject = about(visit);
  if (!subject) co_return missing(visit, Interaction::put_comment_auth);
  if (visit.session) co_return co_await put_comment(shop, visit);
  const Unknown login = login_to_comment(*subject);
  co_return login_page(visit, Interaction::put_comment_auth, login.heading, login.return_to);
}

Task<http::Response> put_comment(Shop& shop, Visit& visit) {
  constexpr auto kInteraction = Interaction::put_comment;
  const auto subject = about(visit);
  if (!subject) co_return missing(visit, kInteraction);
  auto [person, answer] = co_await identify(shop, visit, kInteraction, login_to_comment(*subject));
  if (answer) co_return std::move(*answer);
  co_return co_await comment_form(shop, visit, kInteraction, *subject, *person, FormErrors{});
}

Task<http::Response> store_comment(Shop& shop, Visit& visit) {
  constexpr auto kInteraction = Interaction::store_comment;
  auto [person, answer] = author(visit, kInteraction, "from");
  if (answer) co_return std::move(*answer);
  const auto subject = about(visit);
  if (!subject) co_return missing(visit, kInteraction);
  const auto rating = id_param(visit, "rating");
  std::string text{visit.form.get("comment")};
  FormErrors errors = check(rating, text);
  const bool people = visit.family == Family::people;
  if (people && subject->to == person->id) errors.add("err_comment", "You can't rate yourself.");
  if (!errors.empty()) {
    if (!people) co_return failure(visit, kInteraction, 400, kTitle, errors.joined());
    co_return co_await comment_form(shop, visit, kInteraction, *subject, *person, std::move(errors));
  }
  CommentRequest request{.item = subject->item,
                         .to = subject->to,
                         .from = person->id,
                         .rating = *rating,
                         .text = std::move(text),
                         .token = form_token(visit)};
  auto stored = co_await shop.repository->add_comment(std::move(request));
  if (!stored) co_return store_failure(visit, kInteraction, stored.error());
  if (people) co_return redirect(kInteraction, "/user?userId=" + std::to_string(subject->to));
  Values values;
  values.number("to", subject->to).number("item", subject->item);
  co_return page(visit, kInteraction, "Feedback stored", templates().comment_done.render(values));
}

}  // namespace sluice::auction::web
