#pragma once
#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/clock.hpp"
#include "cluster/tcp/capture.hpp"
#include "cluster/tcp/ingress.hpp"
#include "cluster/tcp/messages.hpp"
#include "cluster/tcp/redirector.hpp"
#include "cluster/tcp/repair.hpp"
#include "cluster/tcp/socket_diag.hpp"
#include "server/task.hpp"

/// Connections on their way, in and out: the order in which redirect, hold, freezing and thawing happen.
namespace sluice::cluster::tcp {

struct MoverOptions {
  std::vector<Endpoint> locals{};            ///< Where clients come; connections of others are not touched.
  Endpoint director{};                       ///< Of the tier in front; port 0: who had the flow first.
  Endpoint own_director{};                   ///< Of this member; port 0: it takes no orders.
  std::size_t moves_max = 1024;              ///< At a time, in and out.
  std::size_t captured_max = 4 << 20;        ///< Bytes of one flow,
  std::size_t captured_max_all = 256 << 20;  ///< and of all.
  std::chrono::milliseconds hold{5'000};     ///< A flow, at most.
  std::chrono::milliseconds barrier{50};     ///< For what was written to be sent.
  std::chrono::milliseconds closing{200};    ///< For a socket of the same flow to be gone.
};

/// What happened, for the operator.
struct MoverCounts {
  std::uint64_t in = 0, out = 0, cancelled = 0, rolled_back = 0, expired = 0, refused = 0;
  std::uint64_t frames = 0;       ///< Captured,
  std::uint64_t frames_lost = 0;  ///< or not, as a bound was hit.
  std::uint64_t unsettled = 0;    ///< Flows that went on and that the tier in front did not redirect.
};

/// Used on its executor's thread only.
class Mover {
 public:
  /// Who asked, and by what name: only the one may go on with it.
  struct Key {
    const void* asker = nullptr;
    std::uint64_t id = 0;
    auto operator<=>(const Key&) const = default;
  };
  struct Reply {
    Message message{};
    Descriptor beside{};
  };

  /// `redirector` may be none. All outlive it.
  Mover(boost::asio::io_context& io, const Interface& interface, Ingress& ingress, Redirector* redirector,
        MoverOptions options);
  ~Mover();

  /// Carries out what a message says. Answers to one key come in the order of its messages.
  Task<Reply> handle(const void* asker, Message message, Descriptor beside);
  /// The asker is gone: what it began comes to nothing, but for what others may know of already.
  void gone(const void* asker);

  /// An order from somebody else: true if the flow may be redirected here.
  bool may_flip(const Flow& flow) const noexcept;
  bool local(const Flow& flow) const noexcept;

  /// Ten times a second.
  void sweep();
  const MoverCounts& counts() const noexcept { return counts_; }
  std::size_t moving() const noexcept { return incoming_.size() + outgoing_.size(); }

 private:
  using Timer = boost::asio::basic_waitable_timer<Monotonic, boost::asio::wait_traits<Monotonic>, Executor>;

  /// Where a flow is redirected, and how often it moved.
  struct History {
    Endpoint home{};
    std::uint16_t moves = 0;
  };
  struct Incoming {
    Flow flow{};
    Place source{};
    Monotonic::time_point since{}, until{};
    bool detour = false;  ///< Its frames come here first, and here again when the source sends them back.
    std::vector<Frame> frames{};
    std::size_t bytes = 0;
    Descriptor socket{};
    History history{};
    bool pending = true;  ///< hold is not answered yet.
  };
  struct Outgoing {
    Flow flow{};
    Descriptor socket{};
    Place target{};
    History history{};
    Monotonic::time_point until{};
    bool pending = true;  ///< dump is not answered yet.
    bool abandoned = false;
  };
  /// What became of a flow that went on.
  struct Leaving {
    bool known = false;
    std::string remark{};
  };

  Task<Reply> hold(Key key, Hold hold);
  Task<Reply> dump(Key key, DumpSocket dump, Descriptor socket);
  Task<Reply> settle(Key key);
  Reply restore(Key key, const Descriptor& memory);
  Reply live(Key key, const Descriptor& socket);
  Reply cancel(Key key);
  Reply roll_back(Key key, const Descriptor& socket);
  Reply forget(Key key);

  void leave(std::map<Key, Outgoing>::iterator at);
  void settled(Key key, const Flow& flow, const Failure& why);
  Failure may_hold(const Hold& hold) const;
  Failure may_dump(int fd, const Flow& flow, const Place& target) const;
  Reply take_out(Key key, Outgoing& leaving);
  Reply refuse(Key key, std::string why);
  static Reply done(Key key, std::string remark = {});
  Task<void> pause(std::chrono::microseconds time);
  /// Until nothing of that name waits.
  Task<void> at_rest(Key key);

  void capture();
  void keep(Frame frame);
  void let_go(std::map<Key, Incoming>::iterator at, bool release);
  void undo(Outgoing& outgoing);
  void await_frames();
  void flip(const History& history, const Flow& flow, const Mac& mac, std::function<void(Failure)> done);
  History history_of(const Flow& flow) const;
  History at_home(const Flow& flow, History history);

  boost::asio::io_context& io_;
  const Interface interface_;
  Ingress& ingress_;
  Redirector* const redirector_;
  const MoverOptions options_;
  SocketDiag diag_;
  Capture capture_;
  boost::asio::posix::basic_stream_descriptor<Executor> readable_;
  std::map<Key, Incoming> incoming_;
  std::map<Key, Outgoing> outgoing_;
  std::map<Flow, Key> held_;    ///< Incoming ones.
  std::map<Flow, Key> dumped_;  ///< Outgoing ones.
  std::map<Key, Leaving> left_;
  std::map<Flow, History> here_;          ///< Flows that came here from elsewhere.
  std::map<Flow, std::uint16_t> passed_;  ///< Flows that went on from here: how often they had moved.
  Flow here_looked_{}, passed_looked_{};  ///< The last ones that sweep() has looked at.
  std::map<Flow, Monotonic::time_point> lapsing_;  ///< Held without anybody who asks for it.
  std::size_t captured_ = 0;
  MoverCounts counts_;
};

}  // namespace sluice::cluster::tcp
