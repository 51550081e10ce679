#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <boost/intrusive/list.hpp>

#include "admission/gate.hpp"
#include "base/bytes.hpp"
#include "base/timer_wheel.hpp"
#include "server/config.hpp"
#include "server/counters.hpp"
#include "server/http/message.hpp"
#include "server/http/request_parser.hpp"
#include "server/listener.hpp"
#include "server/tls/tls_stream.hpp"

namespace sluice::server {

class Processor;

/// One client connection, from accept to close: hello, gate, handshake, requests, close. Lives on its
/// processor's thread. While it is idle it owns a TLS object, a coroutine frame and little else.
class Connection final : private TimerWheel::Timer {
 public:
  /// In the processor's list of connections; leaves it by itself.
  boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> list_hook;

  Connection(Processor& processor, tls::Socket socket, const Endpoint& peer);
  ~Connection() override;

  /// The whole life. The connection must live until it completes.
  Task<void> run();

  /// The processor is draining: an idle connection is closed, a busy one after its response.
  void drain() noexcept;
  /// Cuts the connection.
  void abort() noexcept;

 private:
  /// How a phase went.
  enum class Next { proceed, close, drop };

  Task<Next> read_hello();
  Next judge_hello(Bytes peeked, HelloClass& kind) const;
  Task<Next> handshake();
  Task<Next> serve();
  Task<Next> read_request();
  http::RequestParser::State feed(std::string_view& fresh);
  Task<Next> time_out();
  Task<Next> refuse_request();
  Task<Next> end_with(http::Response response);
  Task<http::Response> answer();
  Task<bool> respond(http::Response response, bool refused);
  Task<void> yield();
  Task<bool> write_all(std::string_view bytes);
  Task<bool> write_file(const http::FileBody& file);
  Task<void> close();
  Task<void> end_without_tls(std::string_view answer);
  Task<void> linger();

  void on_expired() noexcept override;
  void arm(std::chrono::milliseconds after) noexcept;
  void enter(ConnectionState state) noexcept;
  void record(const http::Response& response, std::uint64_t body_bytes);
  std::uint64_t add_body(const http::Response& response);
  /// Completes when the socket is ready, or with an error once the deadline passed or the connection was cut.
  Task<void> ready(tls::Need need, boost::system::error_code& error);
  int fd() noexcept { return socket_.native_handle(); }

  Processor& processor_;
  tls::Socket socket_;
  std::optional<tls::TlsStream> tls_;
  http::Peer peer_;
  http::RequestParser parser_;
  std::string in_;   // received behind the request being served (pipelining)
  std::string out_;  // being sent
  std::array<char, 16> request_id_{};
  std::uint64_t requests_ = 0;
  Monotonic::time_point request_start_{};
  admission::Claim claim_ = admission::Claim::fresh;
  ConnectionState state_ = ConnectionState::hello;
  bool expired_ = false;      // the armed deadline has passed
  bool interrupted_ = false;  // drain() woke an idle connection up
  bool aborted_ = false;
  bool linger_ = false;  // the peer may still be sending what nobody will read
};

}  // namespace sluice::server
