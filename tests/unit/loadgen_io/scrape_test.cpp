#include <sys/socket.h>

#include <array>
#include <string>

#include <gmock/gmock.h>

#include "loadgen/error.hpp"
#include "loadgen/io/scrape.hpp"
#include "tests/unit/loadgen_io/blocking_server.hpp"

namespace sluice::loadgen {
namespace {

using testing::HasSubstr;
using Clock = std::chrono::steady_clock;

std::string read_request(int socket) {
  std::string request;
  std::array<char, 1024> buffer;
  while (request.find("\r\n\r\n") == std::string::npos) {
    const auto size = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (size <= 0) break;
    request.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return request;
}

/// Answers with `head`, then `body`.
BlockingServer::Handler page(std::string head, std::string body) {
  return [head = std::move(head), body = std::move(body)](int socket, SeenConnection& seen) {
    seen.hello = read_request(socket);
    const std::string answer = "HTTP/1.1 " + head + "\r\n\r\n" + body;
    ::send(socket, answer.data(), answer.size(), MSG_NOSIGNAL);
  };
}

std::string url_of(const BlockingServer& server, const std::string& path) {
  return "http://127.0.0.1:" + std::to_string(server.port()) + path;
}

template <class Error>
std::string message_of(const std::string& url) {
  try {
    const Scraper scraper(url);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error, or another";
}

TEST(Scraper, FetchesAtTheStartAndAtTheEnd) {
  BlockingServer server(page("200 OK", "sluice_processors 2\nsluice_cpus_available 1.5\nnoise 7\n"));
  Scraper scraper(url_of(server, "/metrics?all=1"));
  const auto view = scraper.finish(Clock::now(), 0, 60);
  EXPECT_EQ(view.url, url_of(server, "/metrics?all=1"));
  EXPECT_EQ(view.scrapes_failed, 0U);
  EXPECT_GE(view.points.size(), 2U);
  EXPECT_EQ(view.totals.at("processors"), 2);
  const auto seen = server.stop();
  EXPECT_THAT(seen.at(0).hello, HasSubstr("GET /metrics?all=1 HTTP/1.1\r\n"));
  EXPECT_THAT(seen.at(0).hello, HasSubstr("Host: 127.0.0.1:" + std::to_string(server.port())));
}

TEST(Scraper, CountsFetchesThatFailLater) {
  bool first = true;  // of the server's thread
  BlockingServer server([&first](int socket, SeenConnection& seen) {
    page(first ? "200 OK" : "500 Internal Server Error", first ? "sluice_processors 2\n" : "oops")(socket,
                                                                                                   seen);
    first = false;
  });
  Scraper scraper(url_of(server, "/"));
  const auto view = scraper.finish(Clock::now(), 0, 60);
  EXPECT_GE(view.scrapes_failed, 1U);
  EXPECT_EQ(view.points.size(), 1U);
}

TEST(Scraper, SaysWhyTheFirstFetchFailed) {
  BlockingServer absent(page("404 Not Found", "nothing here"));
  EXPECT_THAT(message_of<RunError>(url_of(absent, "/metrics")), HasSubstr("the answer was 404"));
  BlockingServer large(page("200 OK\r\nContent-Length: 4194305", "a"));
  EXPECT_THAT(message_of<RunError>(url_of(large, "/")), HasSubstr("body limit exceeded"));
  BlockingServer silent(record_pieces);
  EXPECT_THAT(message_of<RunError>(url_of(silent, "/")), HasSubstr("closed due to a timeout."));
  BlockingServer garbage(page("nonsense", ""));
  EXPECT_THAT(message_of<RunError>(url_of(garbage, "/")), HasSubstr("can't fetch the server's metrics"));
  const std::string gone = url_of(absent, "/");
  absent.stop();
  EXPECT_THAT(message_of<RunError>(gone), HasSubstr("refused"));
}

TEST(Scraper, WantsAPlainHttpAddress) {
  EXPECT_THAT(message_of<UsageError>("https://127.0.0.1:9090/metrics"), HasSubstr("plain http only"));
  for (const char* url : {"127.0.0.1:9090/metrics", "ftp://127.0.0.1/", "http://", "http://a b/", ""})
    EXPECT_THAT(message_of<UsageError>(url), HasSubstr("http://127.0.0.1:9090/metrics")) << url;
}

}  // namespace
}  // namespace sluice::loadgen
