#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <boost/intrusive/list.hpp>

#include "loadgen/io/attack.hpp"
#include "loadgen/io/user.hpp"
#include "loadgen/pacer.hpp"

/// One thread of the generator.
namespace sluice::loadgen {

/// What a worker hands over about each second of the run.
struct Second {
  std::size_t index = 0;  ///< Seconds since the run began; the last one before the tail may be shorter.
  bool tail = false;      ///< All that came after the end of the arrivals.
  Tally tally;
  double end_s = 0;           ///< Since the run began, on the clock.
  std::uint64_t planned = 0;  ///< Arrivals of the schedule, this worker's part.
  std::uint64_t live_sessions = 0, in_flight = 0, connections = 0;  ///< At its end.
  double cpu = 0;  ///< Share of one CPU the thread used or waited for.
};

/// Every worker runs through the same schedule and takes each `workers`th arrival of it, so that who comes
/// when and what they do is the same with any number of threads (TLS sessions that users pass on stay within
/// a thread). Its own thread from `launch()` to `join()`.
class Worker final : private Crowd {
 public:
  Worker(const Options& options, const Address& target, unsigned index, unsigned workers);
  ~Worker();

  void launch(Monotonic::time_point run_start);
  void join();
  bool ended() const noexcept { return ended_.load(); }  ///< All seconds are there to be taken.

  /// From any thread.
  std::vector<Second> take();
  void stop_arrivals() noexcept { stop_asked_.store(true); }
  /// What is known of whether the run makes sense: sentences, empty else.
  struct Hope {
    std::string untrusted, unreachable;
    bool connected = false;  ///< At least once.
  };
  Hope hope() const;

 private:
  struct Task final : Timer {
    using Method = void (Worker::*)();
    Task(Worker& worker, Method method) noexcept : owner(worker), what(method) {}
    void on_expired() override { (owner.*what)(); }
    Worker& owner;
    Method what;
  };

  void run(Monotonic::time_point run_start);
  void leave(User& user, bool failed) override;
  void add_user(Monotonic::time_point planned, Lane* lane);
  void fill_closed_loop();
  void fill(std::vector<Lane*>& places);
  void next_arrival();
  void arrive(Monotonic::time_point planned);
  void publish(bool tail);
  void publish_hope();
  void book_missed();
  double cpu_share();

  // Tasks of the loop
  void arrivals_due();
  void second_over();
  void sweep();
  void refill();
  void take_orders();
  void stop_arriving();
  void finish();

  const Options& options_;
  const unsigned index_, workers_;
  Loop loop_;
  Tally tally_;
  Wire wire_;
  std::optional<Sources> attack_sources_;  // none: attackers share wire_.sources
  ResumptionPolicy resumption_;
  std::unique_ptr<Pacer> pacer_;
  std::uint64_t schedule_index_ = 0;          // arrivals of the whole schedule so far
  std::uint64_t user_index_ = 0;              // users of this worker so far
  std::optional<Monotonic::time_point> due_;  // of this worker's next arrival
  std::uint64_t due_number_ = 0;
  boost::intrusive::list<User> users_;
  std::vector<std::unique_ptr<User>> gone_;  // ended in this pass, destroyed in the next
  std::deque<Lane> lanes_;
  std::size_t lane_turn_ = 0;
  std::vector<Lane*> places_,
      failed_places_;  // closed loop: to be filled at once, or after a pause; null without lanes
  std::vector<std::unique_ptr<AttackDriver>> attacks_;

  Monotonic::time_point start_{}, end_{};
  std::size_t second_ = 0;
  std::uint64_t planned_ = 0;
  std::uint64_t cpu_before_ns_ = 0;
  Monotonic::time_point cpu_read_{};
  Task arrivals_{*this, &Worker::arrivals_due}, seconds_{*this, &Worker::second_over},
      sweeps_{*this, &Worker::sweep}, refill_{*this, &Worker::refill}, orders_{*this, &Worker::take_orders},
      ending_{*this, &Worker::stop_arriving}, cutting_{*this, &Worker::finish};

  std::thread thread_;
  std::atomic<bool> stop_asked_ = false, ended_ = false;
  mutable std::mutex mutex_;  // guards what follows
  std::vector<Second> ready_;
  Hope hope_;
};

}  // namespace sluice::loadgen
