#include "loadgen/io/scrape.hpp"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "base/clock.hpp"
#include "loadgen/error.hpp"

namespace sluice::loadgen {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

constexpr std::chrono::seconds kInterval{1};
constexpr std::chrono::seconds kFetchMax{1};
constexpr std::uint64_t kBodyMax = 4 << 20;

struct Endpoint {
  std::string host;  // without brackets
  std::string port = "80";
  std::string authority;
  std::string path;
};

Endpoint take_apart(const std::string& url) {
  const auto parsed = boost::urls::parse_uri(url);
  if (!parsed || parsed->host().empty() || !(parsed->scheme() == "http" || parsed->scheme() == "https"))
    throw UsageError("--metrics \"" + url + "\" is not an address like http://127.0.0.1:9090/metrics.");
  if (parsed->scheme() == "https")
    throw UsageError("--metrics \"" + url + "\": metrics are fetched by plain http only.");
  Endpoint endpoint{.host = std::string(parsed->host_address()), .authority = {}, .path = {}};
  if (parsed->has_port() && !parsed->port().empty()) endpoint.port = std::string(parsed->port());
  endpoint.authority = std::string(parsed->encoded_host_and_port());
  endpoint.path = std::string(parsed->encoded_path().empty() ? "/" : parsed->encoded_path());
  if (parsed->has_query()) endpoint.path += "?" + std::string(parsed->encoded_query());
  return endpoint;
}

asio::awaitable<std::string> get(const Endpoint& endpoint, tcp::resolver::results_type addresses) {
  beast::tcp_stream stream(co_await asio::this_coro::executor);
  stream.expires_after(kFetchMax);  // one deadline for everything below
  co_await stream.async_connect(addresses, asio::use_awaitable);
  http::request<http::empty_body> request{http::verb::get, endpoint.path, 11};
  request.set(http::field::host, endpoint.authority);
  request.set(http::field::connection, "close");
  co_await http::async_write(stream, request, asio::use_awaitable);
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> response;
  response.body_limit(kBodyMax);
  co_await http::async_read(stream, buffer, response, asio::use_awaitable);
  if (response.get().result() != http::status::ok)
    throw RunError("the answer was " + std::to_string(response.get().result_int()));
  co_return std::move(response.get().body());
}

/// Throws when there is no page to be had.
std::string fetch(const Endpoint& endpoint, const tcp::resolver::results_type& addresses) {
  asio::io_context io{1};
  std::exception_ptr failed;
  std::string body;
  asio::co_spawn(io, get(endpoint, addresses), [&](std::exception_ptr error, std::string page) {
    failed = std::move(error);
    body = std::move(page);
  });
  io.run();
  if (failed) std::rethrow_exception(failed);
  return body;
}

/// Without the places in the source that Boost adds.
std::string reason_of(const std::exception& error) {
  const auto* system_error = dynamic_cast<const boost::system::system_error*>(&error);
  return system_error != nullptr ? system_error->code().message() : error.what();
}

}  // namespace

struct Scraper::Impl {
  std::string url;
  Endpoint endpoint;
  tcp::resolver::results_type addresses;
  std::vector<std::pair<Monotonic::time_point, Samples>> scrapes;  // of the thread while it runs
  std::uint64_t failed = 0;
  std::mutex mutex;
  std::condition_variable_any wake;
  std::jthread thread;  // last: it uses all of the above

  void scrape() {
    const auto before = Monotonic::now();
    const std::string page = fetch(endpoint, addresses);
    const auto middle = before + (Monotonic::now() - before) / 2;
    Samples samples = parse_metrics(page);
    std::erase_if(samples, [](const auto& sample) { return !understood(sample.first); });
    scrapes.emplace_back(middle, std::move(samples));
  }

  void try_scrape() {
    try {
      scrape();
    } catch (const std::exception&) {
      ++failed;
    }
  }

  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex);
    for (auto next = Monotonic::now() + kInterval;; next += kInterval) {
      wake.wait_until(lock, stop, next, [] { return false; });
      if (stop.stop_requested()) return;
      try_scrape();
    }
  }
};

Scraper::Scraper(const std::string& url) : impl_(std::make_unique<Impl>()) {
  Impl& impl = *impl_;
  impl.url = url;
  impl.endpoint = take_apart(url);
  try {
    asio::io_context io;
    impl.addresses = tcp::resolver(io).resolve(impl.endpoint.host, impl.endpoint.port);
    impl.scrape();
  } catch (const std::exception& error) {
    throw RunError("can't fetch the server's metrics from " + url + ": " + reason_of(error) + ".");
  }
  impl.thread = std::jthread([&impl](const std::stop_token& stop) { impl.run(stop); });
}

Scraper::~Scraper() = default;

ServerView Scraper::finish(Monotonic::time_point run_start, double window_begin, double window_end) {
  impl_->thread.request_stop();
  impl_->thread.join();
  impl_->try_scrape();
  std::vector<std::pair<double, Samples>> scrapes;
  for (auto& [when, samples] : impl_->scrapes)
    scrapes.emplace_back(std::chrono::duration<double>(when - run_start).count(), std::move(samples));
  ServerView view = view_of(scrapes, window_begin, window_end);
  view.url = impl_->url;
  view.scrapes_failed = impl_->failed;
  return view;
}

}  // namespace sluice::loadgen
