#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "cluster/members.hpp"
#include "cluster/protocol.hpp"
#include "server/task.hpp"
#include "server/tls/engine.hpp"
#include "server/tls/session_state.hpp"

/// Sessions that move between members: those of clients with session IDs, which one member at a time keeps.
///
/// A session's ID names the member who made it: its home. It is at its home, or where the home says it gave
/// it to; when the home is gone, or was, at the session's heir (Members::heir). Who asks for it becomes its
/// owner; whoever sent it has it no more, even when it never arrives. Losing one costs a full handshake.
namespace sluice::cluster {

/// How long fetches took, for a Prometheus histogram of seconds.
struct FetchTimes {
  static constexpr std::array<double, 8> kBounds{0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05};
  std::array<std::uint64_t, kBounds.size() + 1> buckets{};  ///< Not cumulative; the last is +Inf.
  double sum = 0;
  void observe(double seconds) noexcept;
};

struct ExchangeCounts {
  std::uint64_t fetched = 0;   ///< Sessions that came because we asked.
  std::uint64_t missing = 0;   ///< Asked for, and nobody had it.
  std::uint64_t late = 0;      ///< Asked for, and no answer in time.
  std::uint64_t overrun = 0;   ///< Not asked for: too many questions were open.
  std::uint64_t given = 0;     ///< Sessions that left because somebody asked.
  std::uint64_t pushed = 0;    ///< Sessions that left unasked and were taken.
  std::uint64_t lost = 0;      ///< The same, and nobody said so.
  std::uint64_t taken = 0;     ///< Sessions that came unasked.
  std::uint64_t rejected = 0;  ///< Came, and are none, or of somebody who is no member.
  FetchTimes fetch_times{};
};

/// Used on the cluster's thread only.
class SessionExchange {
 public:
  using Done = std::function<void()>;
  /// False when that member can't be reached.
  using SendTo = std::function<bool(tls::MemberNumber, const Message&)>;
  static constexpr std::size_t kOpenMax = 10'000;
  static constexpr std::size_t kPlacesMax = 5;  ///< Members that are asked for one session.
  static constexpr std::chrono::milliseconds kPushPatience{2000};

  SessionExchange(const Executor& executor, tls::Engine& tls, const Members& members, SendTo send,
                  std::chrono::milliseconds fetch_timeout);

  /// Calls `done` once: when the session is in the engine's store, or within the timeout.
  void fetch(const tls::SessionIdBytes& id, tls::MemberNumber from, Done done);
  /// Ends all that is open.
  void stop();

  // What members say.
  Fetched answer(const Fetch& fetch, tls::MemberNumber from);
  void on(const Fetched& fetched);
  Pushed answer(const Push& push);
  void on(const Pushed& pushed);
  void on(const Moved& moved);

  /// Hands every session to whoever keeps it from now on. This member is leaving.
  Task<void> push_all();

  /// Hands some sessions that were not used for `kUnused` to `member`, in one message. One call at a time.
  static constexpr std::size_t kRelievedAtOnce = 64;
  static constexpr std::chrono::seconds kUnused{5};
  Task<void> relieve(tls::MemberNumber member);

  const ExchangeCounts& counts() const noexcept { return counts_; }

 private:
  using Timer = boost::asio::basic_waitable_timer<Monotonic, boost::asio::wait_traits<Monotonic>, Executor>;
  struct Question {
    tls::SessionIdBytes id{};
    Done done{};
    Monotonic::time_point began{};
    Timer timer;
    std::vector<tls::MemberNumber> asked{};
  };

  struct Handover {
    Timer timer;  ///< Cancelled when the answer is here.
    std::uint32_t taken = 0;
  };

  /// Asks `whom`, or whoever may have it in its place. False when nobody is left to be asked.
  bool ask(std::uint32_t request, Question& question, tls::MemberNumber whom);
  void end(std::map<std::uint32_t, Question>::iterator question);
  bool store(const tls::SecretBytes& state);
  using Keeper = std::function<std::optional<tls::MemberNumber>(const tls::SessionIdBytes&)>;
  using Taken = std::vector<std::pair<tls::SessionIdBytes, tls::StoredSession>>;
  /// Each to whom `keeper` names; meanwhile others still ask, and are told where it went.
  Task<void> push(Taken taken, Keeper keeper);
  Task<void> push_to(tls::MemberNumber member, std::vector<tls::SessionState> sessions);
  /// Who is asked for a session first, and keeps it, when this member leaves.
  std::optional<tls::MemberNumber> keeper(const tls::SessionIdBytes& id) const;
  void tell_words();
  Task<std::uint32_t> push_batch(tls::MemberNumber member, Push batch);

  const Executor executor_;
  tls::Engine& tls_;
  const Members& members_;
  const SendTo send_;
  const std::chrono::milliseconds fetch_timeout_;
  std::uint32_t next_request_ = 1;
  std::map<std::uint32_t, Question> open_;
  std::map<std::uint32_t, Handover*> pushes_;  // of those who wait for an answer
  ExchangeCounts counts_;
};

}  // namespace sluice::cluster
