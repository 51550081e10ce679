#include <array>
#include <atomic>
#include <charconv>
#include <ctime>
#include <memory>
#include <optional>

#include "node/node.hpp"
#include "server/app.hpp"
#include "server/http/form.hpp"
#include "tests/support/worktop/backend.hpp"

/// An application whose requests cost what a test says, while it runs:
///
///     GET  /work     burns `cost_us` of CPU
///     GET  /wait     waits `wait_ms` for a backend that answers `parallel` queries at once on each processor
///     GET  /aside    the same, as a wait for the application's own threads
///     GET  /deal     is a page in the middle of a purchase
///     POST /knob?cost_us=..&wait_ms=..&parallel=..   changes those given; answers with all of them
///
/// Anybody may turn the knobs: not for the open. Whoever did is treated as in a purchase, so that he gets
/// through when he turns them back.
namespace {

using namespace sluice;

enum Interaction : std::uint16_t { other, work, wait, deal, knob };
constexpr std::array<std::string_view, 5> kInteractions{"other", "Work", "Wait", "Deal", "Knob"};

struct Knob {
  std::string_view name;
  std::uint64_t most;
  std::atomic<std::uint64_t> value;
};

struct Knobs {
  Knob cost_us{"cost_us", 10'000'000, 0};
  Knob wait_ms{"wait_ms", 60'000, 0};
  Knob parallel{"parallel", 1'000'000, 0};
  std::array<Knob*, 3> all{&cost_us, &wait_ms, &parallel};
};

http::Response text(Interaction interaction, std::string body) {
  return {.content_type = "text/plain; charset=utf-8", .body = std::move(body), .interaction = interaction};
}

std::uint64_t thread_cpu_ns() noexcept {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

/// On the thread's own clock, so that the work is the same whoever else has the CPU meanwhile.
void burn(std::uint64_t microseconds) noexcept {
  const std::uint64_t end = thread_cpu_ns() + microseconds * 1000;
  volatile std::uint64_t sink = 1;
  while (thread_cpu_ns() < end) {
    for (int i = 0; i < 1000; ++i) sink = sink * 6364136223846793005U + 1;
  }
}

/// What is wrong; empty when all that is asked for was set.
std::string turn(Knobs& knobs, std::string_view query) {
  const auto form = http::parse_form(query);
  if (!form) return form.error().message();
  for (Knob* each : knobs.all) {
    const std::string* value = form->find(each->name);
    if (value == nullptr) continue;
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), number);
    if (error != std::errc{} || end != value->data() + value->size() || number > each->most)
      return std::string(each->name) + " is a number up to " + std::to_string(each->most);
    each->value = number;
  }
  return {};
}

class WorktopProcessor final : public server::AppProcessor {
 public:
  WorktopProcessor(Knobs& knobs, const server::ProcessorContext& context)
      : knobs_(knobs), context_(context), backend_(context.executor) {}

  Task<http::Response> handle(const http::Request& request) override {
    if (request.path == "/knob") {
      if (request.method != http::Verb::post) co_return http::method_not_allowed("POST");
      co_return set_knobs(request);
    }
    if (request.method != http::Verb::get && request.method != http::Verb::head)
      co_return http::method_not_allowed("GET, HEAD");
    if (request.path == "/") co_return text(other, "worktop\n");
    if (request.path == "/work") {
      burn(knobs_.cost_us.value);
      co_return text(work, "worked\n");
    }
    if (request.path == "/wait" || request.path == "/aside") {
      std::optional<server::Aside> aside;
      if (request.path == "/aside") aside.emplace(context_);
      co_await backend_.query(std::chrono::milliseconds{knobs_.wait_ms.value}, knobs_.parallel.value);
      co_return text(wait, "waited\n");
    }
    if (request.path != "/deal") co_return http::plain(404, "There is nothing here.");
    http::Response response = text(deal, "dealing\n");
    response.protect = true;
    co_return response;
  }

 private:
  http::Response set_knobs(const http::Request& request) {
    const std::string problem = turn(knobs_, request.query);
    if (!problem.empty()) return http::plain(400, problem);
    std::string body;
    for (const Knob* each : knobs_.all)
      body += std::string(each->name) + " " + std::to_string(each->value) + "\n";
    http::Response response = text(knob, std::move(body));
    response.protect = true;
    return response;
  }

  Knobs& knobs_;
  const server::ProcessorContext context_;
  worktop::Backend backend_;
};

class WorktopApp final : public server::App {
 public:
  std::span<const std::string_view> interactions() const noexcept override { return kInteractions; }
  std::unique_ptr<server::AppProcessor> start(server::ProcessorContext context) override {
    return std::make_unique<WorktopProcessor>(knobs_, context);
  }

 private:
  Knobs knobs_;
};

}  // namespace

int main(int argc, char** argv) {
  return node::run(argc, argv,
                   {.name = "sluice-worktop",
                    .description = "Requests that cost what a test says",
                    .make = [](const server::Config&) { return std::make_unique<WorktopApp>(); }});
}
