#include "server/tls/tls_stream.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/ssl/impl/src.hpp>  // only these tests use asio::ssl, as a client
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "server/listener.hpp"
#include "server/tls/certificate.hpp"
#include "server/tls/engine.hpp"

namespace sluice::tls {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

std::unique_ptr<Engine> test_engine() {
  const auto made = make_self_signed({"localhost"}, std::chrono::days{1});
  const std::string base = testing::TempDir() + "stream-" + std::to_string(::getpid());
  std::ofstream(base + ".crt") << made.certificate_pem;
  std::ofstream(base + ".key") << made.private_key_pem;
  auto engine = std::make_unique<Engine>(
      ContextOptions{.certificates = {base + ".crt"}, .private_keys = {base + ".key"}});
  std::filesystem::remove(base + ".crt");
  std::filesystem::remove(base + ".key");
  return engine;
}

/// A connected pair: our stream's socket, and a blocking client of another implementation (asio::ssl).
struct Pair {
  asio::io_context io{1};
  Socket server{io.get_executor()};
  tcp::socket client{io};

  Pair() {
    tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
    client.connect(acceptor.local_endpoint());
    acceptor.accept(server);
    server.native_non_blocking(true);
  }
};

Task<boost::system::error_code> handshake(TlsStream& stream, Socket& socket) {
  while (true) {
    const Step step = stream.handshake();
    if (step.error || step.need == Need::nothing) co_return step.error;
    co_await socket.async_wait(step.need == Need::readable ? Socket::wait_read : Socket::wait_write,
                               use_task);
  }
}

/// Beast reads a request and writes a response of `body_bytes`, on our stream.
Task<void> serve_once(Socket& socket, SSL_CTX& context, std::size_t body_bytes, std::string& target) {
  TlsStream stream(socket, context);
  if (co_await handshake(stream, socket)) co_return;
  boost::beast::flat_buffer buffer;
  http::request<http::string_body> request;
  co_await http::async_read(stream, buffer, request, use_task);
  target = request.target();
  http::response<http::string_body> response{http::status::ok, 11};
  response.body().assign(body_bytes, 'x');
  response.prepare_payload();
  co_await http::async_write(stream, response, use_task);
  EXPECT_FALSE(stream.shutdown().error);
}

TEST(TlsStream, BeastReadsAndWritesOnIt) {
  constexpr std::size_t kBody = 3'000'000;  // many times what the socket takes: writes have to wait
  Pair pair;
  const auto engine = test_engine();
  std::string target;
  std::size_t received = 0;
  boost::system::error_code at_end;
  asio::co_spawn(pair.io, serve_once(pair.server, engine->context(), kBody, target), asio::detached);
  std::thread client([&] {
    asio::ssl::context client_context(asio::ssl::context::tls_client);
    asio::ssl::stream<tcp::socket&> stream(pair.client, client_context);
    stream.handshake(asio::ssl::stream_base::client);
    http::request<http::empty_body> request{http::verb::get, "/over/our/stream", 11};
    http::write(stream, request);
    boost::beast::flat_buffer buffer;
    http::response_parser<http::string_body> response;
    response.body_limit(kBody);
    http::read(stream, buffer, response);
    received = response.get().body().size();
    char byte = 0;
    stream.read_some(asio::buffer(&byte, 1), at_end);
  });
  pair.io.run();
  client.join();
  EXPECT_EQ(target, "/over/our/stream");
  EXPECT_EQ(received, kBody);
  EXPECT_EQ(at_end, asio::error::eof);  // close_notify came: anything else would be stream_truncated
}

TEST(TlsStream, AnEndIsAnEndWithCloseNotifyAndWithout) {
  for (const bool orderly : {true, false}) {
    Pair pair;
    const auto engine = test_engine();
    boost::system::error_code seen;
    asio::co_spawn(
        pair.io,
        [&]() -> Task<void> {
          TlsStream stream(pair.server, engine->context());
          if (co_await handshake(stream, pair.server)) co_return;
          char byte = 0;
          try {
            co_await stream.async_read_some(asio::buffer(&byte, 1), use_task);
          } catch (const boost::system::system_error& error) {
            seen = error.code();
          }
          pair.server.close();  // the client's shutdown waits for an answer
        },
        asio::detached);
    std::thread client([&] {
      asio::ssl::context client_context(asio::ssl::context::tls_client);
      asio::ssl::stream<tcp::socket&> stream(pair.client, client_context);
      stream.handshake(asio::ssl::stream_base::client);
      boost::system::error_code ignored;
      if (orderly) stream.shutdown(ignored);
      pair.client.shutdown(tcp::socket::shutdown_send, ignored);
    });
    pair.io.run();
    client.join();
    EXPECT_EQ(seen, StreamError::closed);
  }
}

TEST(TlsStream, AStrangersBytesAreAProtocolError) {
  Pair pair;
  const auto engine = test_engine();
  asio::write(pair.client, asio::buffer("\x16\x03\x01\x00\x05hello", 10));
  TlsStream stream(pair.server, engine->context());
  pair.server.wait(Socket::wait_read);
  const Step step = stream.handshake();
  EXPECT_EQ(step.error, StreamError::protocol);
}

TEST(Certificate, HasTheNamesItWasMadeFor) {
  const auto made = make_self_signed({"localhost", "127.0.0.1", "::1"}, std::chrono::days{1});
  BIO* bio = BIO_new_mem_buf(made.certificate_pem.data(), static_cast<int>(made.certificate_pem.size()));
  X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  ASSERT_NE(certificate, nullptr);
  EXPECT_EQ(X509_check_host(certificate, "localhost", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_ip_asc(certificate, "127.0.0.1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(certificate, "::1", 0), 1);
  EXPECT_EQ(X509_check_host(certificate, "example.com", 0, 0, nullptr), 0);
  EXPECT_EQ(certificate_fingerprint(made.certificate_pem).size(), 32 * 3 - 1U);
  X509_free(certificate);
  BIO_free(bio);
}

TEST(Context, NamesTheFileThatItCanNotLoad) {
  try {
    make_context({.certificates = {"/nonexistent.pem"}, .private_keys = {"/nonexistent.key"}});
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("/nonexistent.pem"), std::string::npos);
  }
}

}  // namespace
}  // namespace sluice::tls
