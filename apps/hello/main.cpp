#include <array>
#include <memory>

#include "node/node.hpp"
#include "server/app.hpp"

/// The smallest application on a Sluice node: `GET /` and `POST /echo`.
namespace {

using namespace sluice;

enum Interaction : std::uint16_t { other, home, echo };
constexpr std::array<std::string_view, 3> kInteractions{"other", "Home", "Echo"};

http::Response text(Interaction interaction, std::string body) {
  return {.content_type = "text/plain; charset=utf-8", .body = std::move(body), .interaction = interaction};
}

class HelloProcessor final : public server::AppProcessor {
  bool knows(const http::Request& request) const override {
    return request.path == "/" || request.path == "/echo";
  }

  Task<http::Response> handle(const http::Request& request) override {
    const bool get = request.method == http::Verb::get || request.method == http::Verb::head;
    const bool post = request.method == http::Verb::post;
    if (request.path == "/") co_return get ? text(home, "hello\n") : http::method_not_allowed("GET, HEAD");
    if (request.path != "/echo") co_return http::plain(404, "There is nothing here.");
    if (!post) co_return http::method_not_allowed("POST");
    co_return text(echo, "len=" + std::to_string(request.body.size()));
  }
};

class HelloApp final : public server::App {
 public:
  std::span<const std::string_view> interactions() const noexcept override { return kInteractions; }
  std::unique_ptr<server::AppProcessor> start(server::ProcessorContext) override {
    return std::make_unique<HelloProcessor>();
  }
};

}  // namespace

int main(int argc, char** argv) {
  return node::run(argc, argv,
                   {.name = "sluice-hello",
                    .description = "The smallest application on a Sluice node",
                    .make = [](const server::Config&) { return std::make_unique<HelloApp>(); }});
}
