#include "server/admin.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <stdexcept>
#include <thread>
#include <utility>

#include <openssl/crypto.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "server/metrics.hpp"

namespace sluice::server {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using asio::local::stream_protocol;

namespace {

constexpr int kConnectionsMax = 64;
constexpr std::chrono::seconds kTimeout{10};

using AdminRequest = beast::http::request<beast::http::string_body>;
using AdminResponse = beast::http::response<beast::http::string_body>;

AdminResponse reply(const AdminRequest& request, beast::http::status status, std::string body,
                    const char* type = "text/plain; charset=utf-8") {
  AdminResponse response{status, request.version()};
  response.set(beast::http::field::content_type, type);
  response.set(beast::http::field::cache_control, "no-store");
  response.keep_alive(request.keep_alive());
  response.body() = std::move(body);
  response.prepare_payload();
  if (request.method() == beast::http::verb::head) response.body().clear();
  return response;
}

/// Descriptors that are kept for when there are no others: whoever looks after a server must get in then,
/// too.
class Reserve {
 public:
  Reserve() noexcept { hold(); }
  Reserve(const Reserve&) = delete;
  Reserve& operator=(const Reserve&) = delete;
  ~Reserve() { give(); }

  /// Those it has not got. There may be none left.
  void hold() noexcept {
    for (int& fd : kept_) {
      if (fd < 0) fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
  }
  /// False when there was nothing to give.
  bool give() noexcept {
    bool any = false;
    for (int& fd : kept_) {
      if (fd < 0) continue;
      ::close(std::exchange(fd, -1));
      any = true;
    }
    return any;
  }

 private:
  std::array<int, 4> kept_{-1, -1, -1, -1};
};

}  // namespace

class Admin::Impl {
 public:
  Impl(Server& server, Hooks hooks, Inheritance& inherited) : server_(server), hooks_(std::move(hooks)) {
    const std::string& address = server.config().admin_listen;
    auto taken = inherited.take("admin.listen", address);
    if (address.starts_with("unix:")) {
      listen_local(address.substr(5), taken.empty() ? -1 : taken.front().release());
    } else {
      listen_tcp(address, std::move(taken));
    }
  }
  ~Impl() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
    if (!socket_path_.empty() && parked_ < 0) ::unlink(socket_path_.c_str());
    if (parked_ >= 0) ::close(parked_);
  }

  void start() {
    accept();
    thread_ = std::thread([this] { io_.run(); });
  }

  int fd() { return tcp_ ? tcp_->native_handle() : local_->native_handle(); }

  void stop_accepting() {
    asio::post(io_, [this] {
      if (tcp_) parked_ = release(*tcp_);
      if (local_) parked_ = release(*local_);
    });
  }

  void accept_again() {
    asio::post(io_, [this] {
      boost::system::error_code error;
      const int fd = std::exchange(parked_, -1);
      if (fd < 0) return;
      if (tcp_) tcp_->assign(protocol_, fd, error);
      if (local_) local_->assign(stream_protocol{}, fd, error);
      accept();
    });
  }

  Server& server_;
  std::string url_;

 private:
  template <class Acceptor>
  static int release(Acceptor& acceptor) {
    boost::system::error_code error;
    const int fd = acceptor.release(error);
    return error ? -1 : fd;
  }

  void accept() {
    if (tcp_) asio::co_spawn(io_, accept_loop(*tcp_), asio::detached);
    if (local_) asio::co_spawn(io_, accept_loop(*local_), asio::detached);
  }

  template <class Protocol>
  using Acceptor = asio::basic_socket_acceptor<Protocol, Executor>;
  template <class Protocol>
  using Stream = beast::basic_stream<Protocol, Executor>;

  void listen_tcp(const std::string& address, std::vector<Listener> inherited) {
    const Endpoint wanted = parse_endpoint(address);
    auto sockets = listen_on(wanted, 1, kConnectionsMax, std::move(inherited));
    const Endpoint bound = sockets.front().endpoint();
    protocol_ = bound.protocol();
    tcp_.emplace(io_.get_executor(), protocol_, sockets.front().release());
    needs_token_ = !bound.address().is_loopback();
    url_ = "http://" + endpoint_text(bound);
  }

  void listen_local(const std::string& path, int inherited) {
    local_.emplace(io_.get_executor());
    boost::system::error_code error;
    if (inherited >= 0) {
      local_->assign(stream_protocol{}, inherited, error);
    } else {
      ::unlink(path.c_str());  // of a server that was killed
      local_->open(stream_protocol{}, error);
      if (!error) local_->bind(stream_protocol::endpoint{path}, error);
      if (!error) local_->listen(kConnectionsMax, error);
    }
    if (error) throw std::runtime_error("can't listen on " + path + ": " + error.message());
    socket_path_ = path;
    url_ = "unix:" + path;
  }

  template <class Protocol>
  Task<void> accept_loop(Acceptor<Protocol>& acceptor) {
    while (true) {
      boost::system::error_code error;
      asio::basic_stream_socket<Protocol, Executor> socket(io_.get_executor());
      co_await acceptor.async_accept(socket, asio::redirect_error(use_task, error));
      if (error == asio::error::operation_aborted || !acceptor.is_open()) co_return;
      const bool short_of =
          error == asio::error::no_descriptors || error == boost::system::errc::too_many_files_open_in_system;
      if (short_of && reserve_.give()) continue;
      if (error) {  // out of descriptors: the listener must not spin
        asio::basic_waitable_timer<Monotonic, asio::wait_traits<Monotonic>, Executor> pause(
            io_.get_executor(), std::chrono::milliseconds{100});
        co_await pause.async_wait(asio::redirect_error(use_task, error));
        continue;
      }
      if (connections_ >= kConnectionsMax) {
        ++refused_;
        continue;
      }
      ++connections_;
      asio::co_spawn(io_, serve<Protocol>(Stream<Protocol>{std::move(socket)}), asio::detached);
    }
  }

  template <class Protocol>
  Task<void> serve(Stream<Protocol> stream) {
    boost::system::error_code error;
    beast::flat_buffer buffer;
    bool keep_alive = true;
    while (keep_alive && !error) {
      stream.expires_after(kTimeout);
      beast::http::request_parser<beast::http::string_body> parser;
      parser.header_limit(16 * 1024);
      parser.body_limit(16 * 1024);
      co_await beast::http::async_read(stream, buffer, parser, asio::redirect_error(use_task, error));
      if (error) break;
      AdminResponse response = handle(parser.get());
      keep_alive = response.keep_alive();
      stream.expires_after(kTimeout);
      co_await beast::http::async_write(stream, response, asio::redirect_error(use_task, error));
    }
    --connections_;
    stream.close();
    reserve_.hold();
  }

  bool authorized(const AdminRequest& request) const {
    if (!needs_token_) return true;
    const std::string expected = "Bearer " + server_.config().admin_token;
    const auto given = request[beast::http::field::authorization];
    return given.size() == expected.size() &&
           CRYPTO_memcmp(given.data(), expected.data(), expected.size()) == 0;
  }

  AdminResponse handle(const AdminRequest& request) {
    using beast::http::status;
    using beast::http::verb;
    if (!authorized(request)) return reply(request, status::unauthorized, "A bearer token is needed here.\n");
    const auto target = request.target().substr(0, request.target().find('?'));
    const auto commands = {"/drain", "/policy", "/upgrade", "/migrate"};
    if (std::ranges::find(commands, target) != commands.end()) return command(request, target);
    const bool known = target == "/metrics" || target == "/livez" || target == "/readyz" ||
                       target == "/status" || target == "/samples";
    if (!known)
      return reply(
          request, status::not_found,
          "Here are /metrics /livez /readyz /status /samples, and POST /drain /policy /upgrade /migrate.\n");
    if (request.method() != verb::get && request.method() != verb::head) {
      auto response = reply(request, status::method_not_allowed, "Use GET.\n");
      response.set(beast::http::field::allow, "GET, HEAD");
      return response;
    }
    if (target == "/livez") return reply(request, status::ok, "ok\n");
    if (target == "/readyz") return ready(request);
    if (target == "/status")
      return reply(request, status::ok, status_json(server_, uptime(), hooks_.upgrade_status()),
                   "application/json");
    if (target == "/samples")
      return reply(request, status::ok, server_.admission().samples_csv(), "text/csv; charset=utf-8");
    return reply(request, status::ok, metrics_text(server_, refused_),
                 "text/plain; version=0.0.4; charset=utf-8");
  }

  AdminResponse ready(const AdminRequest& request) const {
    const std::string reason = server_.draining() ? "draining" : server_.app().not_ready();
    if (reason.empty()) return reply(request, beast::http::status::ok, "ok\n");
    return reply(request, beast::http::status::service_unavailable, reason + "\n");
  }

  AdminResponse command(const AdminRequest& request, std::string_view target) {
    using beast::http::status;
    if (request.method() != beast::http::verb::post) {
      auto response = reply(request, status::method_not_allowed, "Use POST.\n");
      response.set(beast::http::field::allow, "POST");
      return response;
    }
    // A page in the operator's browser can post to loopback too; browsers then name their origin.
    if (request.count(beast::http::field::origin) > 0)
      return reply(request, status::forbidden, "Not from a browser.\n");
    if (target == "/policy") return set_policy(request);
    if (target == "/upgrade") {
      const std::string why_not = hooks_.upgrade();
      if (!why_not.empty()) return reply(request, status::conflict, why_not + "\n");
      return reply(request, status::accepted, "a new process is starting\n");
    }
    if (target == "/migrate") return migrate(request);
    const std::string_view how = trimmed(request.body());
    if (!how.empty() && how != "migrate")
      return reply(request, status::bad_request, "The body is empty, or: migrate.\n");
    hooks_.drain(how == "migrate");
    return reply(request, status::accepted, "draining\n");
  }

  static std::string_view trimmed(std::string_view body) {
    while (body.ends_with('\n') || body.ends_with('\r')) body.remove_suffix(1);
    return body;
  }

  /// The body is the member's name, and how many.
  AdminResponse migrate(const AdminRequest& request) {
    using beast::http::status;
    const std::string_view words = trimmed(request.body());
    const auto space = words.find(' ');
    const std::string_view digits = space == words.npos ? "" : words.substr(space + 1);
    std::size_t count = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
    if (error != std::errc{} || end != digits.data() + digits.size() || count == 0)
      return reply(request, status::bad_request,
                   "The body is a member's name and a number of connections.\n");
    const std::string why_not = hooks_.migrate(words.substr(0, space), count);
    if (!why_not.empty()) return reply(request, status::conflict, why_not + "\n");
    return reply(request, status::accepted, "connections go there as they come to a stop\n");
  }

  /// The body is the policy's name.
  AdminResponse set_policy(const AdminRequest& request) {
    const auto policy = admission::parse_policy(trimmed(request.body()));
    if (!policy) {
      return reply(request, beast::http::status::bad_request,
                   "The body is one of: off, observe, paper, session-budget.\n");
    }
    server_.admission().set_policy(*policy);
    return reply(request, beast::http::status::ok, std::string(admission::name_of(*policy)) + "\n");
  }

  std::chrono::seconds uptime() const {
    return std::chrono::duration_cast<std::chrono::seconds>(Monotonic::now() - started_);
  }

  const Hooks hooks_;
  const Monotonic::time_point started_ = Monotonic::now();
  asio::io_context io_{1};
  asio::executor_work_guard<Executor> work_{io_.get_executor()};  // also while nothing is accepted
  std::optional<Acceptor<tcp>> tcp_;
  std::optional<Acceptor<stream_protocol>> local_;
  tcp protocol_ = tcp::v4();
  int parked_ = -1;  // the listener, while another process has it
  std::string socket_path_;
  bool needs_token_ = false;
  int connections_ = 0;
  Reserve reserve_;
  std::uint64_t refused_ = 0;
  std::thread thread_;
};

Admin::Admin(Server& server, Hooks hooks, Inheritance& inherited)
    : impl_(std::make_unique<Impl>(server, std::move(hooks), inherited)) {}
Admin::~Admin() = default;
void Admin::start() { impl_->start(); }
Inheritable Admin::inheritable() const {
  return {"admin.listen", impl_->server_.config().admin_listen, impl_->fd()};
}
void Admin::stop_accepting() { impl_->stop_accepting(); }
void Admin::accept_again() { impl_->accept_again(); }
const std::string& Admin::url() const noexcept { return impl_->url_; }

}  // namespace sluice::server
