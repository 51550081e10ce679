#include "tests/unit/auction_web/shop_fixture.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace sluice::auction::web::test {

namespace {

constexpr PasswordCost kCheap = kCostMin;

WallSeconds now() { return kNow; }

void add_user(FakeData& data, Id id, Id region) {
  User user;
  user.id = id;
  user.nickname = "user" + std::to_string(id);
  user.firstname = "Great" + std::to_string(id);
  user.region = region;
  user.region_name = data.regions[static_cast<std::size_t>(region) - 1].name;
  user.created = kNow - std::chrono::days{100};
  data.users[id] = user;
  data.hashes[id] = hash_password("password" + std::to_string(id), kCheap);
}

Item item(Id id, std::string name, Cents price, std::chrono::hours left) {
  Item item;
  item.id = id;
  item.name = std::move(name);
  item.description = "A description.";
  item.initial_price = price;
  item.quantity = 1;
  item.starts = kNow - std::chrono::days{3};
  item.ends = kNow + left;
  item.seller = 2;
  item.seller_name = "user2";
  item.category = 1;
  item.category_name = "Antiques & Art";
  return item;
}

}  // namespace

void populate(FakeData& data) {
  using std::chrono::hours;
  data.now = kNow;
  data.categories = {{1, "Antiques & Art"}, {2, "Books"}, {3, "Coins"}};
  data.regions = {{1, "AZ--Phoenix"}, {2, "MA--Boston "}};
  add_user(data, 1, 1);
  add_user(data, 2, 2);
  data.items[kLamp] = item(kLamp, "Lamp", Cents{1000}, hours{50});
  Item cups = item(kCups, "Cups", Cents{500}, hours{3});
  cups.quantity = 4;
  cups.buy_now = Cents{3000};
  cups.reserve_price = Cents{2000};
  data.items[kCups] = cups;
  data.items[kEnded] = item(kEnded, "Clock", Cents{700}, hours{-24});
}

std::string input_value(std::string_view page, std::string_view name) {
  for (const std::string& start :
       {"name=\"" + std::string{name} + "\" value=\"", "name=" + std::string{name} + " value="}) {
    const auto at = page.find(start);
    if (at == std::string_view::npos) continue;
    const auto rest = page.substr(at + start.size());
    return std::string{rest.substr(0, rest.find_first_of("\">"))};
  }
  return {};
}

Reply Browser::submit(const Reply& page, const std::string& target, const std::string& body) {
  // Tokens of the form in the page's main part, not of the log-out button above it.
  const std::string_view main = std::string_view{page.body}.substr(page.body.find("<main"));
  return post(target, body + "&csrf=" + input_value(main, "csrf") + "&form=" + input_value(main, "form"));
}

void Browser::log_in(const std::string& nickname, const std::string& password) {
  const Reply reply = submit(get("/login"), "/login", "nickname=" + nickname + "&password=" + password);
  ASSERT_EQ(reply.status, 303U) << reply.body;
}

Reply Browser::send(http::Verb method, const std::string& target, const std::string& body) {
  static const http::Peer kPeer{.address = "192.0.2.7"};
  http::Request request;
  request.method = method;
  request.target = target;
  const auto question = target.find('?');
  request.path = std::string_view{target}.substr(0, question);
  if (question != std::string::npos) request.query = std::string_view{target}.substr(question + 1);
  request.host = "shop.example:8443";
  request.body = body;
  request.peer = &kPeer;

  std::map<std::string, std::string> fields;
  if (method == http::Verb::post) {
    fields = {{"Content-Type", "application/x-www-form-urlencoded"},
              {"Origin", "https://shop.example:8443"},
              {"Sec-Fetch-Site", "same-origin"}};
  }
  for (const auto& [name, value] : cookies) {
    fields["Cookie"] += (fields["Cookie"].empty() ? "" : "; ") + name + '=' + value;
  }
  for (const auto& [name, value] : extra_fields) fields[name] = value;
  for (const auto& [name, value] : fields) {
    if (!value.empty()) request.fields.push_back({name, value});
  }

  Reply reply;
  const auto exchange = [&]() -> Task<void> {
    const http::Response response = co_await shop_->handle(request);
    reply.status = response.status;
    reply.interaction = static_cast<Interaction>(response.interaction);
    if (const auto* text = std::get_if<std::string>(&response.body)) reply.body = *text;
    if (const auto* text = std::get_if<std::string_view>(&response.body)) reply.body = *text;
    for (const auto& [name, value] : response.fields) {
      if (name == "Set-Cookie")
        reply.cookies.push_back(value);
      else
        reply.fields[std::string{name}] = value;
    }
  };
  boost::asio::co_spawn(*io_, exchange, [](const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
  });
  io_->restart();
  io_->run();
  reply.location = reply.fields["Location"];
  for (const std::string& cookie : reply.cookies) {
    const auto equals = cookie.find('=');
    const std::string value = cookie.substr(equals + 1, cookie.find(';') - equals - 1);
    if (cookie.find("Max-Age=0") != std::string::npos)
      cookies.erase(cookie.substr(0, equals));
    else
      cookies[cookie.substr(0, equals)] = value;
  }
  return reply;
}

ShopTest::ShopTest(bool rubis_client) {
  populate(store_->data);
  const Config config{
      .rubis_client = rubis_client, .passwords = {.threads = 1, .queue_max = 8, .cost = kCheap}, .now = &now};
  app_ = std::make_unique<AuctionApp>(config, store_);
  processor_ = app_->start({.index = 0, .executor = io_.get_executor()});
}

}  // namespace sluice::auction::web::test
