#include "cluster/tcp/helper.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>
#include <variant>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "cluster/tcp/link.hpp"
#include "cluster/tcp/memory.hpp"
#include "cluster/tcp/state.hpp"

namespace sluice::cluster::tcp {

namespace asio = boost::asio;

namespace {

Monotonic::time_point moment(std::uint64_t ns) noexcept {
  return Monotonic::time_point{std::chrono::nanoseconds{static_cast<std::int64_t>(ns)}};
}

Descriptor connect_to(const std::string& path) {
  Descriptor socket{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return {};
  std::ranges::copy(path, address.sun_path);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  return socket;
}

template <class M>
Helper::Id id_of(const M& message) noexcept {
  if constexpr (requires { message.id; })
    return message.id;
  else
    return 0;
}

Descriptor another(int fd) noexcept { return Descriptor{::fcntl(fd, F_DUPFD_CLOEXEC, 0)}; }

}  // namespace

class Helper::Impl : public std::enable_shared_from_this<Helper::Impl> {
 public:
  using Timer = asio::basic_waitable_timer<Monotonic, asio::wait_traits<Monotonic>, Executor>;
  using Waiting = std::variant<OnDone, OnSocket, OnDump>;
  struct Call {
    Id id = 0;
    Waiting done;
    Monotonic::time_point until{};
    /// With a descriptor of its own where the next helper can be asked the same again.
    std::optional<Message> again{};
    Descriptor beside{};
  };

  Impl(asio::io_context& io, Options options)
      : io_(io), options_(std::move(options)), timer_(io.get_executor()) {}

  void start() {
    running_ = true;
    dial();
  }

  void stop() {
    running_ = ready_ = false;
    trouble_ = "this side stopped";
    calls_.clear();
    timer_.cancel();
    if (link_) link_->close();
    link_.reset();
  }

  Id next_id() noexcept { return ++last_id_; }

  /// Calls about a move are answered in order, so the first that waits for an id is the one.
  void call(const Message& message, Descriptor beside, Waiting done) {
    const bool again = std::holds_alternative<Live>(message) || std::holds_alternative<RollBack>(message);
    std::string why = calls_.size() >= options_.calls_max      ? "too many calls wait for sluice-tcp"
                      : carries_descriptor(message) && !beside ? "there is no descriptor for it"
                      : !ready_ && !(again && running_)        ? "sluice-tcp is not there: " + trouble_
                                                               : "";
    if (!why.empty()) {
      asio::post(io_, [self = shared_from_this(), done = std::move(done), why = std::move(why)] {
        if (self->running_) self->fail(done, why);
      });
      return;
    }
    const Id id = std::visit([]<class M>(const M& m) { return id_of(m); }, message);
    Call call{.id = id, .done = std::move(done), .until = Monotonic::now() + options_.patience};
    if (again) {
      call.again = message;
      call.beside = another(beside.get());
      call.until = Monotonic::now() + options_.again;
    }
    calls_.push_back(std::move(call));
    if (ready_) link_->send(message, std::move(beside));
    schedule();
  }

  bool ready_ = false;
  std::string trouble_ = "it was not reached yet";
  PlaceBytes place_{};

 private:
  void dial() {
    Descriptor socket = connect_to(options_.socket);
    if (!socket) return lost("nobody listens at " + options_.socket);
    link_ = std::make_shared<Link>(io_, std::move(socket));
    const auto weak = weak_from_this();
    link_->start(
        [weak](Message message, Descriptor beside) {
          if (const auto self = weak.lock()) self->on_message(std::move(message), std::move(beside));
        },
        [weak](const std::string& why) {
          if (const auto self = weak.lock()) self->lost(why);
        });
    link_->send(Hello{});
    greeting_until_ = Monotonic::now() + options_.patience;
    schedule();
  }

  void lost(const std::string& why) {
    ready_ = false;
    trouble_ = why;
    if (link_) link_->close();
    link_.reset();
    redial_at_ = Monotonic::now() + options_.retry;
    fail_those("sluice-tcp went away: " + why, [](const Call& call) { return !call.again; });
    schedule();
  }

  /// What of it is asked of the helper that is there now.
  void greeted(const Welcome& welcome) {
    place_ = to_bytes(welcome.place);
    ready_ = true;
    trouble_.clear();
    for (const Call& call : calls_) link_->send(*call.again, another(call.beside.get()));
    schedule();
  }

  template <class Which>
  void fail_those(const std::string& why, Which which) {
    std::vector<Call> failed;
    std::erase_if(calls_, [&](Call& call) {
      if (!which(call)) return false;
      failed.push_back(std::move(call));
      return true;
    });
    for (const Call& call : failed) {
      if (running_) fail(call.done, why);
    }
  }

  /// One timer: for who waits too long for an answer, for the greeting, and for the next try.
  void schedule() {
    if (!running_) return;
    auto next = link_ ? ready_ ? Monotonic::time_point::max() : greeting_until_ : redial_at_;
    for (const Call& call : calls_) next = std::min(next, call.until);
    if (next == Monotonic::time_point::max()) {
      timer_.cancel();
      return;
    }
    timer_.expires_at(next);
    timer_.async_wait([weak = weak_from_this()](const auto& error) {
      const auto self = weak.lock();
      if (!error && self && self->running_) self->on_time();
    });
  }

  void on_time() {
    const auto now = Monotonic::now();
    const auto late = [now](const Call& call) { return call.until <= now; };
    const bool silent = link_ && (ready_ ? std::ranges::any_of(calls_, late) : greeting_until_ <= now);
    fail_those(link_ ? "sluice-tcp does not answer" : "sluice-tcp is not there: " + trouble_, late);
    if (!running_) return;
    if (silent) return lost("it does not answer");
    if (!link_ && redial_at_ <= now) return dial();
    schedule();
  }

  void on_message(Message message, Descriptor beside) {
    if (const auto* welcome = std::get_if<Welcome>(&message); welcome != nullptr && !ready_)
      return greeted(*welcome);
    if (const auto* done = std::get_if<IsDone>(&message)) {
      answer<OnDone>(done->id, Done{moment(done->at_ns), done->remark});
    } else if (const auto* refused = std::get_if<Refused>(&message)) {
      if (const auto call = take(refused->id)) fail(call->done, refused->why);
    } else if (const auto* restored = std::get_if<Restored>(&message)) {
      answer<OnSocket>(restored->id, std::move(beside));
    } else if (const auto* dumped = std::get_if<Dumped>(&message)) {
      auto state = read_memory(beside.get(), kStateMax);
      if (!state) return lost("it gave a state that is none");
      answer<OnDump>(dumped->id, Dump{*std::move(state), moment(dumped->at_ns)});
    }
  }

  std::optional<Call> take(Id id) {
    const auto at = std::ranges::find(calls_, id, &Call::id);
    if (at == calls_.end()) return std::nullopt;
    Call call = std::move(*at);
    calls_.erase(at);
    schedule();
    return call;
  }

  template <class Handler, class Value>
  void answer(Id id, Value value) {
    const auto call = take(id);
    if (!call) return;
    const auto* handler = std::get_if<Handler>(&call->done);
    if (handler == nullptr) return fail(call->done, "sluice-tcp answered another question");
    if (*handler) (*handler)(std::move(value));
  }

  void fail(const Waiting& waiting, const std::string& why) {
    std::visit(
        [&](const auto& done) {
          if (done) done(Refusal{why});
        },
        waiting);
  }

  asio::io_context& io_;
  const Options options_;
  Timer timer_;
  std::shared_ptr<Link> link_;
  std::vector<Call> calls_;
  Monotonic::time_point greeting_until_{}, redial_at_{};
  Id last_id_ = 0;
  bool running_ = false;
};

Helper::Helper(asio::io_context& io, Options options)
    : impl_(std::make_shared<Impl>(io, std::move(options))) {}
Helper::~Helper() { impl_->stop(); }

void Helper::start() { impl_->start(); }
void Helper::stop() { impl_->stop(); }
bool Helper::ready() const noexcept { return impl_->ready_; }
const std::string& Helper::trouble() const noexcept { return impl_->trouble_; }
const PlaceBytes& Helper::place() const noexcept { return impl_->place_; }

Helper::Id Helper::hold(const Flow& flow, const PlaceBytes& source, OnDone done) {
  const Id id = impl_->next_id();
  impl_->call(Hold{.id = id, .flow = flow, .source = place_of(source)}, {}, std::move(done));
  return id;
}

void Helper::restore(Id id, const std::vector<std::uint8_t>& state, OnSocket done) {
  impl_->call(Restore{id}, sealed_memory(state), std::move(done));
}

void Helper::live(Id id, int fd, OnDone done) { impl_->call(Live{id}, another(fd), std::move(done)); }

void Helper::cancel(Id id, OnDone done) { impl_->call(Cancel{id}, {}, std::move(done)); }

Helper::Id Helper::dump(int fd, const PlaceBytes& target, OnDump done) {
  const Id id = impl_->next_id();
  impl_->call(DumpSocket{.id = id, .target = place_of(target)}, another(fd), std::move(done));
  return id;
}

void Helper::roll_back(Id id, int fd, OnDone done) {
  impl_->call(RollBack{id}, another(fd), std::move(done));
}

void Helper::forget(Id id, OnDone done) { impl_->call(Forget{id}, {}, std::move(done)); }

void Helper::settle(Id id, OnDone done) { impl_->call(Settle{id}, {}, std::move(done)); }

}  // namespace sluice::cluster::tcp
