#include "server/tls/record_stream.hpp"

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/ssl/impl/src.hpp>  // only these tests use asio::ssl, as a client
#include <boost/asio/write.hpp>

#include "server/listener.hpp"
#include "server/task.hpp"
#include "server/tls/certificate.hpp"
#include "server/tls/engine.hpp"

namespace sluice::tls {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Socket = asio::basic_stream_socket<tcp, Executor>;

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

/// Repeats a step until it needs nothing more.
template <class Act>
Task<Step> done(Socket& socket, Act act) {
  while (true) {
    const Step step = act();
    if (step.error || step.need == Need::nothing) co_return step;
    co_await socket.async_wait(step.need == Need::readable ? Socket::wait_read : Socket::wait_write,
                               use_task);
  }
}

Task<boost::system::error_code> read_end(TlsStream& stream, Socket& socket) {
  std::array<char, TlsStream::kReadMin> buffer{};
  co_return (co_await done(socket, [&] { return stream.read_some(buffer); })).error;
}

/// Reads what comes until it ends with an empty line, then writes `body`.
Task<void> serve_once(TlsStream& stream, Socket& socket, std::string body, std::string& request) {
  if (co_await handshake(stream, socket)) co_return;
  std::array<char, TlsStream::kReadMin> buffer{};
  while (!request.ends_with("\r\n\r\n")) {
    const Step step = co_await done(socket, [&] { return stream.read_some(buffer); });
    if (step.error) co_return;
    request.append(buffer.data(), step.bytes);
  }
  std::string_view rest = body;
  co_await done(socket, [&] {
    Step step = stream.write_some(rest);
    rest.remove_prefix(step.bytes);
    if (!step.error && !rest.empty()) step.need = Need::writable;
    return step;
  });
  const Step end = co_await done(socket, [&] { return stream.shutdown(); });
  EXPECT_FALSE(end.error);
}

/// Both kinds of stream.
class Streams : public testing::TestWithParam<bool> {
 protected:
  std::unique_ptr<TlsStream> stream(Socket& socket) {
    return make_stream(socket.native_handle(), engine_->context(), nullptr, GetParam() ? &buffers_ : nullptr);
  }
  const std::unique_ptr<Engine> engine_ = test_engine();
  RecordBuffers buffers_{};
};

INSTANTIATE_TEST_SUITE_P(TlsStream, Streams, testing::Values(true, false),
                         [](const auto& each) { return each.param ? "Own" : "Openssl"; });

TEST_P(Streams, ReadsAndWrites) {
  constexpr std::size_t kBody = 3'000'000;  // many times what the socket takes: writes have to wait
  const std::string request = "GET /" + std::string(100'000, 'r') + " HTTP/1.1\r\n\r\n";
  std::string body(kBody, 'x');
  for (std::size_t i = 0; i < kBody; i += 1000) body[i] = static_cast<char>('a' + i / 1000 % 26);
  Pair pair;
  std::string seen, received;
  boost::system::error_code at_end;
  const auto server = stream(pair.server);
  asio::co_spawn(pair.io, serve_once(*server, pair.server, body, seen), asio::detached);
  std::thread client([&] {
    asio::ssl::context client_context(asio::ssl::context::tls_client);
    asio::ssl::stream<tcp::socket&> stream(pair.client, client_context);
    stream.handshake(asio::ssl::stream_base::client);
    asio::write(stream, asio::buffer(request));
    asio::read(stream, asio::dynamic_buffer(received), at_end);
  });
  pair.io.run();
  client.join();
  EXPECT_EQ(seen, request);
  EXPECT_TRUE(received == body);
  EXPECT_EQ(at_end, asio::error::eof);  // close_notify came: anything else would be stream_truncated
}

TEST_P(Streams, AnEndIsAnEndWithCloseNotifyAndWithout) {
  for (const bool orderly : {true, false}) {
    Pair pair;
    boost::system::error_code seen;
    const auto server = stream(pair.server);
    asio::co_spawn(
        pair.io,
        [&]() -> Task<void> {
          if (co_await handshake(*server, pair.server)) co_return;
          seen = co_await read_end(*server, pair.server);
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

TEST_P(Streams, AStrangersBytesAreAProtocolError) {
  Pair pair;
  asio::write(pair.client, asio::buffer("\x16\x03\x01\x00\x05hello", 10));
  const auto server = stream(pair.server);
  pair.server.wait(Socket::wait_read);
  const Step step = server->handshake();
  EXPECT_EQ(step.error, StreamError::protocol);
  std::array<unsigned char, 7> alert{};
  asio::read(pair.client, asio::buffer(alert));
  EXPECT_EQ(alert[0], 21);
}

TEST_P(Streams, AnEndWithinTheHandshakeIsATruncation) {
  Pair pair;
  asio::write(pair.client, asio::buffer("\x16\x03\x01", 3));
  pair.client.shutdown(tcp::socket::shutdown_send);
  const auto server = stream(pair.server);
  pair.server.wait(Socket::wait_read);
  Step step = server->handshake();
  for (int i = 0; i < 3 && !step.error; ++i) step = server->handshake();
  EXPECT_EQ(step.error,
            GetParam() ? StreamError::truncated : StreamError::closed);  // what OpenSSL makes of it
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
