#pragma once
#include <array>
#include <atomic>
#include <deque>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/list.hpp>

#include "base/timer_wheel.hpp"
#include "server/access_log.hpp"
#include "server/admission_control.hpp"
#include "server/app.hpp"
#include "server/arrival.hpp"
#include "server/config.hpp"
#include "server/connection.hpp"
#include "server/counters.hpp"
#include "server/door.hpp"
#include "server/expected.hpp"
#include "server/http/date.hpp"
#include "server/http/static_files.hpp"
#include "server/listener.hpp"
#include "server/peers.hpp"
#include "server/place.hpp"
#include "server/tls/engine.hpp"
#include "server/tls/record_stream.hpp"
#include "server/work_meter.hpp"

/// An HTTP processor, in the paper's word: one thread with its own event loop, listeners, connections and
/// counters.
namespace sluice::server {

/// What all processors share. Immutable while they run, or safe to call from any thread.
struct Shared {
  const Config& config;
  tls::Engine& tls;
  AdmissionControl& admission;
  PlaceBook& places;
  Expected& expected;
  App& app;
  AccessLog& log;
  const http::DirectoryFiles* files;  ///< `server.static_root`; null when there is none.
  unsigned processors;
};

/// Functions are called on the processor's own thread, except where noted.
class Processor {
 public:
  /// Takes the listeners over.
  Processor(unsigned index, const Shared& shared, std::vector<Listener> listeners);
  Processor(const Processor&) = delete;
  Processor& operator=(const Processor&) = delete;
  ~Processor();  ///< Joins; abort() first.

  // The owner's side; any thread.
  /// Starts the thread; the future is set once the application's part is made, or throws what that threw.
  /// `peers`: null when there are none.
  std::future<void> start(Peers* peers);
  /// Accepts from now on, or again. After the future of start().
  void open();
  /// Stops accepting, answers what was accepted, then ends by itself.
  void drain();
  /// Cuts every connection and stops accepting; ends as soon as the application has answered what it is
  /// working on.
  void abort();
  void join();
  /// Accepts no more, until open(); who waits in the kernel's queues is for another process that has the same
  /// listeners.
  void stop_accepting();
  /// Replaces an earlier order.
  void move(const MoveOrder& order);
  /// See Connection::finish_relay().
  void end_relays();
  /// A connection that another owner hands over.
  void adopt(ArrivalPtr arrival);
  /// A new plan of the admission controller.
  void follow(const admission::Plan& plan);
  const Counters& counters() const noexcept { return counters_; }

  // The connections' side.
  unsigned index() const noexcept { return index_; }
  const Config& config() const noexcept { return shared_.config; }
  tls::Engine& tls() const noexcept { return shared_.tls; }
  AdmissionControl& admission() const noexcept { return shared_.admission; }
  PlaceBook& places() const noexcept { return shared_.places; }
  Peers* peers() const noexcept { return peers_; }
  /// From now on it is one of those that pass bytes on, and nothing else is asked of.
  void relay_begins(Connection& connection) noexcept;
  /// It is another client's than who connected.
  void recount(std::uint64_t from, std::uint64_t to);
  Expected& expected() const noexcept { return shared_.expected; }
  AppProcessor& app() noexcept { return *app_; }
  const App& application() const noexcept { return shared_.app; }
  const http::DirectoryFiles* files() const noexcept { return shared_.files; }
  Door& door() noexcept { return door_; }
  WorkMeter& meter() noexcept { return meter_; }
  Counters& counters() noexcept { return counters_; }
  TimerWheel& wheel() noexcept { return wheel_; }
  Poller& poller() noexcept { return poller_; }
  http::DateCache& date() noexcept { return date_; }
  bool draining() const noexcept { return draining_; }
  const MoveOrder& order() const noexcept { return order_; }
  /// Nobody should be without its server for longer than it takes to hand so many over.
  bool room_to_depart() const noexcept { return departing_ < kDepartures; }
  bool take_busy_order() noexcept;
  void departure_begins() noexcept { ++departing_; }
  void departure_ends(bool gone);
  /// Memory for one read; its content does not outlive a suspension.
  std::array<char, 17 * 1024>& scratch() noexcept { return scratch_; }
  /// Parsers with warm buffers go from one request to the next, whoever sends it.
  std::unique_ptr<http::RequestParser> take_parser();
  void put_back(std::unique_ptr<http::RequestParser> parser) noexcept;
  /// Empty, with memory of an earlier response if there is some; lent like a parser.
  std::string take_buffer() noexcept;
  void put_back(std::string buffer) noexcept;
  /// Null: OpenSSL's record layer is wanted.
  tls::RecordBuffers* record_buffers() noexcept { return record_buffers_.get(); }
  /// Unique in the process; 16 hexadecimal digits.
  void next_request_id(std::array<char, 16>& id) noexcept;
  void log(const AccessEntry& entry);
  /// A line for the operator: something that should not happen.
  void report(std::string_view what) const;

 private:
  using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, Executor>;
  using Timer = boost::asio::basic_waitable_timer<Monotonic, boost::asio::wait_traits<Monotonic>, Executor>;
  using Connections = boost::intrusive::list<
      Connection,
      boost::intrusive::member_hook<Connection, decltype(Connection::list_hook), &Connection::list_hook>,
      boost::intrusive::constant_time_size<false>>;
  static constexpr std::size_t kDepartures = 4;  ///< At once.
  void continue_moves();
  void begin(std::unique_ptr<Connection> connection);
  void run(std::promise<void> started);
  void loop();
  Task<void> accept_loop(Acceptor& acceptor);
  Task<void> pulse();
  /// Accepts what is waiting, up to a batch. Returns whether the process is out of descriptors.
  bool accept_batch(Acceptor& acceptor);
  void on_shortage(int error);
  std::optional<Limit> full(const Origin& origin) const;
  void admit(int fd, const Endpoint& peer, std::uint64_t started);
  void uncount(std::uint64_t address);
  Task<void> serve(std::unique_ptr<Connection> connection);
  /// Refuses a newcomer on the spot, before there is a connection to speak of. False when that is not for
  /// here.
  bool turn_away(int fd, const Origin& origin, std::uint64_t started);
  void note_arrivals(Monotonic::time_point now) noexcept;
  void pause_accepting();
  int short_backlog() const noexcept;
  void set_backlog() noexcept;
  void flush_log();
  void finish_if_drained();

  const unsigned index_;
  const Shared shared_;
  Peers* peers_ = nullptr;
  const http::Limits parser_limits_;
  const std::uint64_t connections_max_;
  const std::uint64_t per_address_max_;
  Counters counters_;
  WaitingAside aside_;  // before the loop, in which requests may be left that look at it
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<Executor> work_;
  Poller poller_;
  std::vector<Listener> listeners_;
  std::deque<Acceptor> acceptors_;  // accept_loop() keeps references
  Timer pulse_timer_;
  TimerWheel wheel_;
  http::DateCache date_;
  WorkMeter meter_;
  Door door_;
  std::unique_ptr<AppProcessor> app_;
  Connections connections_;
  Connections relays_;
  std::uint64_t open_connections_ = 0;
  std::unordered_map<std::uint64_t, std::uint32_t> per_address_;
  unsigned accept_rounds_ = 0;
  bool bursting_ = false;  // the last round of accepting found more than one connection
  bool draining_ = false;
  MoveOrder order_;
  std::size_t departing_ = 0;
  bool moves_scheduled_ = false;
  int backlog_ = 0;             // the kernel's queue as it is set; 0: as it was at the start
  bool backlog_short_ = false;  // the kernel's queue is kept short, as we can't keep up with refusing
  Monotonic::time_point paused_at_{};
  Monotonic::time_point arrivals_noted_at_ = Monotonic::now();
  std::uint64_t accepted_before_ = 0;
  double accepted_per_s_ = 0;
  std::optional<Monotonic::time_point> shortage_told_at_;
  std::string log_chunk_;
  std::uint64_t log_lines_ = 0;
  std::uint64_t next_id_;
  std::array<char, 17 * 1024> scratch_;  // a whole TLS record
  const std::unique_ptr<tls::RecordBuffers> record_buffers_;
  std::vector<std::unique_ptr<http::RequestParser>> parsers_;  // that nobody uses
  std::vector<std::string> buffers_;                           // the same
  std::thread thread_;
};

}  // namespace sluice::server
