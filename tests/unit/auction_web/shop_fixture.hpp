#pragma once
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <map>
#include <string>
#include <string_view>

#include "apps/auction/web/app.hpp"
#include "apps/auction/web/interactions.hpp"
#include "tests/unit/auction_web/fake_store.hpp"

/// A whole shop in one process, without sockets: what a browser or RUBiS' client sends goes in, a response
/// comes out.
namespace sluice::auction::web::test {

inline constexpr WallSeconds kNow{std::chrono::seconds{1'790'000'000}};

/// Three categories, two regions, two users (user1/password1, user2/password2) and the items below.
void populate(FakeData& data);
inline constexpr Id kLamp = 5;   ///< Of user2; one, no bids, initial price 10.00.
inline constexpr Id kCups = 6;   ///< Of user2; four, buy-it-now 30.00, initial price 5.00, reserve 20.00.
inline constexpr Id kEnded = 7;  ///< Of user2, over since yesterday.

struct Reply {
  unsigned status = 0;
  std::string body, location;
  std::vector<std::string> cookies;  ///< Set-Cookie fields, whole.
  std::map<std::string, std::string> fields;
  Interaction interaction = Interaction::other;

  bool has(std::string_view text) const { return body.find(text) != std::string::npos; }
};

/// Keeps cookies like a browser.
class Browser {
 public:
  Browser(server::AppProcessor& shop, boost::asio::io_context& io) : shop_(&shop), io_(&io) {}

  Reply get(const std::string& target) { return send(http::Verb::get, target, {}); }
  /// As a form of this site does.
  Reply post(const std::string& target, const std::string& body) {
    return send(http::Verb::post, target, body);
  }
  /// Adds the tokens of the form that `page` holds.
  Reply submit(const Reply& page, const std::string& target, const std::string& body);
  void log_in(const std::string& nickname, const std::string& password);

  std::map<std::string, std::string> cookies;
  std::map<std::string, std::string> extra_fields;  ///< Override the usual ones; "" leaves one out.

 private:
  Reply send(http::Verb method, const std::string& target, const std::string& body);

  server::AppProcessor* shop_;
  boost::asio::io_context* io_;
};

/// Value of the input of that name, however it is quoted; empty when there is none.
std::string input_value(std::string_view page, std::string_view name);

class ShopTest : public ::testing::Test {
 protected:
  explicit ShopTest(bool rubis_client = false);

  Browser browser() { return {*processor_, io_}; }

  boost::asio::io_context io_;
  std::shared_ptr<FakeStore> store_ = std::make_shared<FakeStore>();
  std::unique_ptr<AuctionApp> app_;
  std::unique_ptr<server::AppProcessor> processor_;
};

}  // namespace sluice::auction::web::test
