#pragma once
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <boost/intrusive/list.hpp>

#include "base/random.hpp"
#include "loadgen/io/connection.hpp"
#include "loadgen/io/resumption.hpp"
#include "loadgen/model/script.hpp"

/// One client from its arrival to its end.
namespace sluice::loadgen {

class User;

/// What the users of one thread share, and how they leave.
class Crowd {
 public:
  Crowd(Wire& shared_wire, ResumptionPolicy& policy, Monotonic::duration request_timeout) noexcept
      : wire(shared_wire), resumption(policy), timeout(request_timeout) {}

  Wire& wire;
  ResumptionPolicy& resumption;
  const Monotonic::duration timeout;
  bool looks_at_pages = false;  ///< Somebody reads them: a model's marks, images, or a browser's refresh.
  bool ending = false;          ///< The run's arrivals are over: nobody begins anything new.
  std::uint64_t in_flight = 0;  ///< Users that wait for the server.

  /// `user` has ended and must be destroyed by the callee, later than now. `failed`: refused or abandoned.
  virtual void leave(User& user, bool failed) = 0;

 protected:
  ~Crowd() = default;
};

/// Planned starts of a connection in request mode that is given a rate. What the server is too slow for waits
/// here, and its latency counts.
struct Lane {
  std::deque<Monotonic::time_point> due;
  User* user = nullptr;
};

/// Walks through its script over one connection at a time, reconnects when the server closed it, comes back
/// after refusals as the retry model says, and books what happens. Waits (thinking, retry) cost a timer, a
/// few hundred bytes, and the idle connection.
class User final : public boost::intrusive::list_base_hook<>, public Connection::Owner, private Timer {
 public:
  /// `script` null: a handshake is all it wants. `lane` null: it acts when its script says, else when the
  /// lane does.
  User(Crowd& crowd, Random random, std::unique_ptr<Script> script, Lane* lane) noexcept;
  ~User();

  /// `planned`: when it should have begun; everything it feels is counted from there.
  void begin(Monotonic::time_point planned);
  Lane* lane() const noexcept { return lane_; }
  /// Something was put into the lane.
  void wake();
  /// The run's arrivals are over: a waiting user goes at once, one that waits for the server stays till that
  /// is decided.
  void end_of_run();
  /// The time for stragglers is over.
  void cut();

 private:
  enum class Doing : std::uint8_t { waiting, retrying, asking, idle, gone };

  void on_expired() override;
  void on_established(bool resumed) override;
  void on_session(TlsSession session) override;
  void on_first_byte() override;
  void on_response(HttpResponse& response) override;
  void on_failed(Step step, Cause cause) override;
  void on_idle_close() override;

  void plan(Monotonic::time_point when, Doing what);
  void take_turn();
  void start(Monotonic::time_point planned);
  void ask();
  void send();
  void set_doing(Doing doing) noexcept;
  void book_reply(const HttpResponse& response);
  bool follow(const HttpResponse& response);
  void look_at(std::string_view page);
  void after_response();
  void page_done(bool good);
  void handshake_done();
  void give_up(Step step, Cause cause);
  void lost(Step step, const Refusal& refusal);

  enum class Outcome { completed, refused, abandoned, unfinished };
  void end(Outcome outcome, Step step = Step::connect, Cause cause = Cause::timeout);
  Tally& tally() noexcept { return crowd_.wire.tally; }
  const Options& options() const noexcept { return crowd_.wire.options; }

  Crowd& crowd_;
  Random random_;
  std::unique_ptr<Script> script_;
  Lane* lane_;
  const std::size_t source_;
  std::unique_ptr<Connection> connection_;
  TlsSession session_;  // the last one issued to this user
  Action action_;
  std::string asked_;  // target of the request in progress: of action_, an image, or a redirect
  std::string cookies_;
  std::vector<std::string> images_;  // still to be fetched, last first
  PageFacts facts_;
  Monotonic::time_point arrived_{};  // planned start of the session
  Monotonic::time_point planned_{};  // planned start of the page in progress
  Doing doing_ = Doing::idle;
  bool admitted_ = false, resent_ = false, image_ = false, answered_ = false, session_seen_ = false;
  std::uint8_t tries_ = 1, redirects_ = 0;
  std::uint32_t good_ = 0, full_ = 0, resumed_ = 0;  // for goodput and wasted work
};

/// Adds `fresh` ("a=1; b=2") to a cookie header's value: newer values replace older ones, empty ones delete
/// (RFC 6265 without attributes). At most 4 KB.
void merge_cookies(std::string& jar, std::string_view fresh);

}  // namespace sluice::loadgen
