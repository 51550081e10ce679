#include <boost/asio/co_spawn.hpp>
#include <chrono>
#include <cstdio>
#include "tests/unit/auction_web/shop_fixture.hpp"
namespace sluice::auction::web::test {
class Bench : public ShopTest {
 protected:
  Bench() : ShopTest(true) {
    auto& d = store_->data;
    std::string text;
    while (text.size() < 4000)
      text += "This incredible item is exactly what you need !<br>It has a lot of very nice features. ";
    d.items[kLamp].description = text;
    for (int i = 200; i < 240; ++i) {
      Item it = d.items[kLamp];
      it.id = i;
      it.category = 2;
      it.name = "RUBiS automatically generated item #" + std::to_string(i);
      d.items[i] = it;
    }
  }
  void run(const char* name, const std::string& t) {
    http::Request r;
    auto q = t.find('?');
    r.target = t;
    r.path = std::string_view(t).substr(0, q);
    r.query = std::string_view(t).substr(q + 1);
    r.host = "x";
    size_t n = 0;
    auto go = [&]() -> Task<void> {
      for (int i = 0; i < 20000; ++i) {
        auto x = co_await processor_->handle(r);
        n += x.body_size();
      }
    };
    auto b = std::chrono::steady_clock::now();
    boost::asio::co_spawn(io_, go, [](std::exception_ptr e) {
      if (e) std::rethrow_exception(e);
    });
    io_.restart();
    io_.run();
    auto e = std::chrono::steady_clock::now();
    std::printf("%s: %zu bytes, %.2f us\n", name, n / 20000,
                std::chrono::duration<double, std::micro>(e - b).count() / 20000);
  }
};
TEST_F(Bench, All) {
  run("item", "/item?itemId=5");
  run("servlet item", "/rubis_servlets/servlet/edu.rice.rubis.servlets.ViewItem?itemId=5");
  run("search 20",
      "/rubis_servlets/servlet/edu.rice.rubis.servlets.SearchItemsByCategory?category=2&page=0&nbOfItems=20");
  run("putbid",
      "/rubis_servlets/servlet/edu.rice.rubis.servlets.PutBid?itemId=5&nickname=user1&password=password1");
  run("bidauth", "/rubis_servlets/servlet/edu.rice.rubis.servlets.PutBidAuth?itemId=5");
  run("picture", "/pictures/1/3/77.svg");
  run("register", "/register");
}
}  // namespace sluice::auction::web::test
