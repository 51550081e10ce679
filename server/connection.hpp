#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <boost/intrusive/list.hpp>

#include "admission/session_table.hpp"
#include "base/bytes.hpp"
#include "base/timer_wheel.hpp"
#include "server/arrival.hpp"
#include "server/config.hpp"
#include "server/counters.hpp"
#include "server/door.hpp"
#include "server/http/message.hpp"
#include "server/http/request_parser.hpp"
#include "server/listener.hpp"
#include "server/peers.hpp"
#include "server/place.hpp"
#include "server/poller.hpp"
#include "server/refusal_page.hpp"
#include "server/tls/screen.hpp"
#include "server/tls/tls_stream.hpp"
#include "server/work_meter.hpp"

namespace sluice::server {

class Processor;

/// One client connection, from accept to close: hello, gate, handshake, requests, close. Lives on its
/// processor's thread. While it is idle it owns a TLS object, a coroutine frame and little else.
class Connection final : private TimerWheel::Timer, private tls::HandshakeGuard {
 public:
  /// In the processor's list of connections; leaves it by itself.
  boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> list_hook;

  /// Takes over `fd`.
  Connection(Processor& processor, int fd, const Endpoint& peer);
  /// The same, to go on where another owner stopped.
  Connection(Processor& processor, int fd, const Endpoint& peer, ArrivalPtr arrival);
  ~Connection() override;
  Connection& operator=(const Connection&) = delete;

  const Origin& origin() const noexcept { return origin_; }
  Effort& effort() noexcept { return effort_; }

  /// The whole life. The connection must live until it completes.
  Task<void> run();

  /// The processor is draining: an idle connection is closed, a busy one after its response.
  void drain() noexcept;
  /// Cuts the connection.
  void abort() noexcept;
  /// If it is relayed: tells the member that serves it that no more comes.
  void finish_relay() noexcept;
  /// Wakes it up, if it can go elsewhere now, to ask the processor whether it should. True when it will.
  bool nudge(Monotonic::time_point now, Monotonic::duration residence) noexcept;

 private:
  /// How a phase went.
  enum class Next {
    proceed,
    close,
    drop,
    arrive  ///< It lives already, at another member.
  };
  /// What the connection may do.
  enum class Grant {
    none,
    newcomer,    ///< A full handshake, and a session that began with it.
    in_session,  ///< To resume.
    explain,     ///< A full handshake, to be told why not.
  };

  Task<Next> read_hello();
  Next judge_hello(Bytes peeked, HelloClass& kind);
  Task<Next> handshake();
  enum class Ending { finished, failed, forged };
  void end_handshake(Ending ending) noexcept;
  Task<Next> serve(bool has_request);
  Task<Next> read_request(std::chrono::milliseconds patience);

  // connection_relay.cpp
  struct Relay;
  bool may_be_delegated() const noexcept;
  Task<bool> delegated(bool no_room);
  Task<std::shared_ptr<Relay>> reach(Endpoint to, std::optional<HandoverKey> handover);
  Task<void> pass_on(std::shared_ptr<Relay> relay);
  Task<void> way_back(std::shared_ptr<Relay> relay);
  Task<void> pass(Socket& from, Socket& to, Relay& relay);
  Task<bool> pass_slowly(std::string rest, Socket& to, Relay& relay);
  void end_relay() noexcept;
  /// Reads what a member says of the client whose bytes follow. False when it is not to be trusted.
  bool take_relay_header(Bytes peeked, std::size_t& seen);

  // connection_move.cpp
  /// The response being sent, as far as another owner has to know it.
  struct Sending {
    bool keep_alive = false;
    const http::FileBody* file = nullptr;  ///< That goes behind what write_all() was given ...
    std::uint64_t at = 0;                  ///< ... from here on.
    std::string_view path{}, etag{};       ///< Of the file.
  };
  bool may_depart() noexcept;
  Endpoint peer_end() const;
  Endpoint local_end() const;
  Task<bool> departed(std::string_view unsealed);
  Task<bool> give_away(Departure& departure, std::string_view unsealed);
  Task<std::shared_ptr<Relay>> reach_leg(const Departure& departure);
  Task<bool> expected();
  std::optional<ConnectionImage> image(std::string_view unsealed, Monotonic::time_point since) const;
  void end_finding() noexcept;
  ResponseRest rest_of(std::string_view unsealed) const;
  Task<bool> stay(Departure& departure, std::string_view why, Move move);
  Task<Next> arrive();
  std::string_view settle_in(std::optional<http::FileBody>& file);
  Task<bool> finish_response(ResponseRest rest, std::optional<http::FileBody> file);
  void count(Transport transport, Move move) noexcept;

  // connection_admission.cpp
  Task<Next> ask_in();
  Task<void> fetch_session();
  bool resume_session(Monotonic::time_point now);
  Task<Next> ask_as_newcomer();
  Task<admission::Verdict> wait_at_gate();
  bool begin_session();
  Task<Next> refuse(Outcome why);
  bool gone() noexcept;
  Task<Next> explain();
  bool come_back(const Place& place);
  Task<bool> wait_for_work();
  /// The request being served is one that a browser may repeat by itself (RFC 9110 section 9.2.1).
  bool may_repeat() noexcept;
  /// A request begins: its time, its id, its number.
  void number_request() noexcept;
  bool begin_request(Monotonic::time_point now) noexcept;
  void account_request(Monotonic::duration took, std::uint64_t cpu_ns) noexcept;
  void account_end() noexcept;
  // tls::HandshakeGuard
  Answer may_sign() noexcept override;
  bool may_resume(const admission::SessionRecord& record) noexcept override;
  std::optional<admission::SessionRecord> record() const noexcept override;

  http::RequestParser::State feed(std::string_view& fresh);
  bool request_begun() const noexcept { return parser_ && parser_->started(); }
  Task<Next> time_out();
  Task<Next> refuse_request();
  Task<Next> end_with(http::Response response);
  Task<http::Response> answer();
  std::optional<http::Response> static_file();
  Task<bool> respond(http::Response response, bool refused);
  Task<void> yield();
  Task<bool> write_all(std::string_view bytes);
  Task<bool> write_file(const http::FileBody& file, std::string& buffer);
  Task<void> end(Next next);
  Task<void> close();
  Task<void> end_without_tls(std::string_view answer);
  Task<void> linger();

  void on_expired() noexcept override;
  void arm(std::chrono::milliseconds after) noexcept;
  void enter(ConnectionState state) noexcept;
  void record(const http::Response& response, std::uint64_t body_bytes);
  std::uint64_t add_body(const http::Response& response);
  /// Until the socket is ready. False when the deadline passed or the connection was cut.
  Task<bool> ready(tls::Need need, Socket::Told told = Socket::Told::nothing_since);
  int fd() const noexcept { return socket_.fd(); }
  /// After each suspension: from here on it is this connection's work again.
  void at_work() noexcept;
  std::uint64_t book(Work work) noexcept;

  Processor& processor_;
  Socket socket_;
  std::unique_ptr<tls::TlsStream> tls_;
  http::Peer peer_;
  std::unique_ptr<http::RequestParser> parser_;  // from the first byte of a request to its answer
  std::string in_;                               // received behind the request being served (pipelining)
  std::array<char, 16> request_id_{};
  std::uint64_t requests_ = 0;
  Monotonic::time_point arrived_at_{};  // by then a part of the request was here
  Monotonic::time_point request_start_{};
  Origin origin_;
  std::unique_ptr<tls::Screened> screened_;  // until the handshake is over
  Grant grant_ = Grant::none;
  std::optional<Refusal> refused_by_;
  bool ticket_counts_ = false;  // its ticket may resume the TLS session, whatever becomes of the visit
  admission::SessionPtr session_;
  std::unique_ptr<Turn> turn_;  // while it waits in a line
  Effort effort_;
  std::uint64_t cpu_ns_ = 0;     // booked so far
  Monotonic::duration pause_{};  // before the request being served; negative for the first of a session
  ConnectionState state_ = ConnectionState::hello;
  bool expired_ = false;      // the armed deadline has passed
  bool interrupted_ = false;  // drain() woke an idle connection up
  bool aborted_ = false;
  bool left_ = false;  // the client ended the connection, unasked
  bool began_full_ = false;
  bool relayed_ = false;    // by another member, which will not have it back
  Relay* relay_ = nullptr;  // to another member
  bool linger_ = false;     // the peer may still be sending what nobody will read
  bool gone_ = false;       // it is another owner's
  bool nudged_ = false;     // nudge() woke it up
  bool departing_ = false;
  bool shared_ = false;  // another process may have the descriptor, too
  std::uint16_t moves_ = 0;
  Monotonic::time_point since_;          // when it came
  Monotonic::time_point stays_until_{};  // as it could not go
  Sending* sending_ = nullptr;           // a response, while the client takes it slowly
  std::shared_ptr<Relay> leg_;           // to the member that has taken it over
  ArrivalPtr arrival_;                   // until it is settled
  struct Finding;
  std::shared_ptr<Finding> finding_;       // while it waits for what is known of it
  std::unique_ptr<HandoverKey> expected_;  // it comes by relay
};

}  // namespace sluice::server
