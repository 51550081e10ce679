#include "cluster/etcd_client.hpp"

#include <array>
#include <utility>

#include <boost/asio/connect.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "cluster/addresses.hpp"
#include "cluster/channel.hpp"

namespace sluice::cluster::etcd {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::size_t kPieceSize = 16 * 1024, kHeadMax = 16 * 1024;
constexpr unsigned kServerErrors = 500;

}  // namespace

/// One request, and where its answer goes.
struct Client::Exchange {
  http::request<http::string_body> request{};
  std::function<bool(std::string_view)> take{};  ///< A piece of the body; false: that is enough.
  Duration patience{};
  bool each = false;  ///< Patience begins anew with each piece.
  unsigned status = 0;
  bool timed_out = false;
};

/// A connection for one request, with a watchdog.
class Client::Connection : public std::enable_shared_from_this<Client::Connection> {
 public:
  Connection(const Executor& executor, asio::ssl::context* tls) : timer_(executor) {
    if (tls != nullptr) {
      secure.emplace(PeerSocket(executor), *tls);
    } else {
      plain.emplace(executor);
    }
  }

  PeerSocket& socket() { return secure ? secure->next_layer() : *plain; }
  /// Closes it unless it is called again in time.
  void watch(Duration patience) {
    timer_.expires_after(patience);
    timer_.async_wait([weak = weak_from_this()](const error_code& error) {
      const auto self = weak.lock();
      if (error || !self || self->timer_.expiry() > Monotonic::now()) return;
      self->timed_out = true;
      self->close();
    });
  }
  void close() noexcept {
    error_code ignored;
    timer_.cancel();
    closed = true;
    socket().close(ignored);
  }

  std::optional<PeerSocket> plain;
  std::optional<asio::ssl::stream<PeerSocket>> secure;
  bool timed_out = false, closed = false;

 private:
  asio::basic_waitable_timer<Monotonic, asio::wait_traits<Monotonic>, Executor> timer_;
};

Client::Client(asio::io_context& io, std::vector<Endpoint> endpoints, const IdentityFiles& tls)
    : io_(io), endpoints_(std::move(endpoints)) {
  for (const Endpoint& endpoint : endpoints_) {
    if (endpoint.tls && !tls_) tls_.emplace(make_client_context(tls));
  }
}

void Client::hang_up() {
  for (const auto& connection : connections_) connection->close();
}

void Client::stop() {
  stopping_ = true;
  hang_up();
}

/// A piece as it comes, not when a buffer is full: a watch says little.
template <class Stream>
Task<error_code> Client::talk(Stream& stream, std::shared_ptr<Connection> connection,
                              std::shared_ptr<Exchange> exchange) {
  error_code error;
  co_await http::async_write(stream, exchange->request, asio::redirect_error(use_task, error));
  if (error) co_return error;
  boost::beast::flat_buffer buffer(kHeadMax + kPieceSize);
  http::response_parser<http::buffer_body> parser;
  parser.header_limit(kHeadMax);
  parser.body_limit(boost::none);  // whoever takes the pieces counts
  co_await http::async_read_header(stream, buffer, parser, asio::redirect_error(use_task, error));
  exchange->status = parser.get().result_int();
  std::array<char, kPieceSize> piece;
  while (!error && !parser.is_done()) {
    if (exchange->each) connection->watch(exchange->patience);
    auto& body = parser.get().body();
    body.data = piece.data(), body.size = piece.size(), body.more = true;
    co_await http::async_read_some(stream, buffer, parser, asio::redirect_error(use_task, error));
    if (error == http::error::need_buffer) error = {};
    const std::size_t size = piece.size() - body.size;
    if (size > 0 && !exchange->take({piece.data(), size})) break;
  }
  co_return error;
}

Task<std::optional<Trouble>> Client::exchange(const Endpoint& endpoint, std::shared_ptr<Exchange> exchange) {
  const auto connection = std::make_shared<Connection>(io_.get_executor(), endpoint.tls ? &*tls_ : nullptr);
  connections_.insert(connection);
  connection->watch(exchange->patience);
  exchange->request.set(http::field::host, text_of(HostPort{endpoint.host, endpoint.port}));
  const std::string port = std::to_string(endpoint.port);
  error_code error;
  asio::ip::basic_resolver<tcp, Executor> resolver(io_.get_executor());
  const auto found =
      co_await resolver.async_resolve(endpoint.host, port, asio::redirect_error(use_task, error));
  if (!error && connection->closed) error = asio::error::operation_aborted;
  if (!error)
    co_await asio::async_connect(connection->socket(), found, asio::redirect_error(use_task, error));
  if (!error && connection->closed) error = asio::error::operation_aborted;
  if (!error && connection->secure) {
    connection->secure->set_verify_callback(asio::ssl::host_name_verification(endpoint.host));
    co_await connection->secure->async_handshake(asio::ssl::stream_base::client,
                                                 asio::redirect_error(use_task, error));
  }
  if (!error && connection->secure) {
    error = co_await talk(*connection->secure, connection, exchange);
  } else if (!error) {
    error = co_await talk(*connection->plain, connection, exchange);
  }
  connection->close();
  connections_.erase(connection);
  if (connection->timed_out) error = asio::error::timed_out;
  exchange->timed_out = connection->timed_out;
  if (!error) co_return std::nullopt;
  Trouble trouble{Looked::failed, endpoint.text + ": " + error.message()};
  co_return trouble;
}

Task<Or<std::string>> Client::post(std::string path, std::string body, Duration patience) {
  Trouble trouble;
  for (std::size_t i = 0; i < endpoints_.size() && !stopping_; ++i) {
    const std::size_t index = current_;
    const Endpoint& endpoint = endpoints_[index];
    auto one = std::make_shared<Exchange>();
    one->request = {http::verb::post, path, 11, body};
    one->request.prepare_payload();
    one->patience = patience;
    std::string answer;
    bool fits = true;
    one->take = [&answer, &fits](std::string_view piece) {
      fits = answer.size() + piece.size() <= kBodyMax;
      if (fits) answer += piece;
      return fits;
    };
    const auto failed = co_await exchange(endpoint, one);
    if (!fits) {
      trouble = {Looked::malformed, endpoint.text + ": an answer of more than 1 MiB"};
      co_return trouble;
    }
    if (!failed && one->status < kServerErrors) co_return answer;
    trouble =
        failed ? *failed : Trouble{Looked::failed, endpoint.text + ": HTTP " + std::to_string(one->status)};
    if (current_ == index) current_ = (index + 1) % endpoints_.size();
  }
  if (trouble.what.empty()) trouble.what = "it ends";
  co_return trouble;
}

Task<std::optional<Trouble>> Client::watch(std::string path, std::string body, OnLine line,
                                           Duration patience) {
  const Endpoint& endpoint = endpoints_[current_];
  auto one = std::make_shared<Exchange>();
  one->request = {http::verb::post, path, 11, body};
  one->request.prepare_payload();
  one->patience = patience;
  one->each = true;
  Lines lines(kBodyMax);
  bool fits = true;
  one->take = [&lines, &fits, &line](std::string_view piece) {
    fits = lines.add(piece);
    std::string text;
    bool more = fits;
    while (more && lines.next(text)) more = line(text);
    return more;
  };
  auto trouble = co_await exchange(endpoint, one);
  if (one->timed_out && one->status != 0) trouble.reset();
  if (fits && !lines.rest().empty()) line(lines.rest());  // an error comes without an end of line
  if (!fits) trouble = Trouble{Looked::malformed, endpoint.text + ": a line of more than 1 MiB"};
  co_return trouble;
}

}  // namespace sluice::cluster::etcd
