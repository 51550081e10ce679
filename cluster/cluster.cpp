#include "cluster/cluster.hpp"

#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>

#include "cluster/addresses.hpp"
#include "cluster/agent.hpp"
#include "cluster/key_exchange.hpp"
#include "cluster/mesh.hpp"
#include "cluster/placement.hpp"
#include "cluster/tcp_transport.hpp"

namespace sluice::cluster {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds kClockSkew{2};
constexpr std::chrono::milliseconds kMoment{5};

/// One more than are dialed shows that there are too many.
constexpr std::size_t kAddressesMax = Members::kMembersMax + 1;

std::string kind_of(const Options& options) { return options.dns ? "dns" : options.etcd ? "etcd" : "static"; }

std::uint64_t wall_ms() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

}  // namespace

class Cluster::Impl {
 public:
  Impl(const Options& options, tls::Engine& tls, Measure measure, Say say)
      : tls_(tls),
        measure_(std::move(measure)),
        say_(std::move(say)),
        book_(kind_of(options)),
        peers_(options.peers),
        delegates_(options.delegate),
        rebalances_(options.rebalance),
        work_(io_.get_executor()),
        beat_(io_.get_executor()),
        mesh_(io_, options,
              {.name = member_name(options.identity.certificate),
               .incarnation = wall_ms(),
               .service_port = options.service_port},
              handlers()),
        members_(mesh_.self()),
        keys_(tls.ticket_keys()),
        exchange_(
            io_.get_executor(), tls, members_,
            [this](tls::MemberNumber to, const Message& message) { return mesh_.send(to, message); },
            options.fetch_timeout),
        tcp_(options.tcp_helper.empty() ? nullptr : std::make_unique<TcpTransport>(io_, options.tcp_helper)),
        connections_(
            io_.get_executor(),
            [this](tls::MemberNumber to, const Message& message) { return mesh_.send(to, message); },
            tcp_.get()),
        placement_(tls::number_of_member(mesh_.self().name)),
        mover_(tls::number_of_member(mesh_.self().name)) {
    if (options.dns) {
      discovery_ = std::make_unique<DnsDiscovery>(io_, *options.dns, kAddressesMax, discovery_handlers());
    } else if (options.etcd) {
      discovery_ = std::make_unique<EtcdDiscovery>(io_, *options.etcd, mesh_.self().name, mesh_.address(),
                                                   kAddressesMax, discovery_handlers());
    }
    if (options.agent_listen)
      agent_.emplace(io_, *options.agent_listen, options.agent_fd, [this] { return digest(); });
  }

  ~Impl() { halt(); }
  void halt() noexcept {
    asio::post(io_, [this] { io_.stop(); });
    if (thread_.joinable()) thread_.join();
  }

  // The owner's side.
  std::size_t join(std::chrono::milliseconds patience);
  std::pair<int, int> listener_fds();
  void stop_accepting();
  void accept_again();
  void leave();
  void drain() {
    asio::post(io_, [this] { draining_ = true; });
  }
  void fetch(const tls::SessionIdBytes& id, tls::MemberNumber from, SessionExchange::Done done) {
    asio::post(io_, [this, id, from, done = std::move(done)]() mutable {
      exchange_.fetch(id, from, std::move(done));
    });
  }
  ConnectionExchange& connections() noexcept { return connections_; }
  Mover& mover() noexcept { return mover_; }
  bool repairs() const noexcept { return repairs_.load(std::memory_order_relaxed); }
  tls::MemberNumber number() const noexcept { return tls::number_of_member(mesh_.self().name); }
  std::uint64_t incarnation() const noexcept { return mesh_.self().incarnation; }
  std::optional<asio::ip::tcp::endpoint> service_of(tls::MemberNumber member) const;
  std::optional<tls::MemberNumber> find(std::string_view name) const;
  bool leads() const noexcept { return leads_.load(std::memory_order_relaxed); }
  View view() const {
    const std::lock_guard lock(mutex_);
    return view_;
  }
  const std::string& address() const noexcept { return mesh_.address(); }
  bool may_place() const noexcept { return placement_.may_choose(); }
  std::optional<Place> place(bool no_room);
  void placed(tls::MemberNumber member, bool reached);
  void received() noexcept { received_.fetch_add(1, std::memory_order_relaxed); }

 private:
  using Timer = asio::basic_waitable_timer<Monotonic, asio::wait_traits<Monotonic>, Executor>;

  Mesh::Handlers handlers();
  bool on_message(const Hello& from, const Message& message, Channel& channel);
  bool on_digest(const Hello& from, const Digest& digest, Channel& channel);
  Discovery::Handlers discovery_handlers();
  void on_found(const std::vector<std::string>& addresses);
  void say_if(const std::string& line) {
    if (!line.empty()) say_(line);
  }
  void on_tried(const std::string& address);
  void look_whether_all_were_tried();
  Digest digest() const;
  void measure();
  std::vector<Member> placeable() const;
  Task<void> heartbeat();
  Task<void> relieve(tls::MemberNumber member);
  void report(const Members::Change& change);
  void publish();
  Task<void> farewell();

  tls::Engine& tls_;
  const Measure measure_;
  const Say say_;
  DiscoveryBook book_;
  const std::vector<std::string> peers_;
  const bool delegates_, rebalances_;
  asio::io_context io_{1};
  asio::executor_work_guard<Executor> work_;
  Timer beat_;
  Mesh mesh_;
  Members members_;
  KeyExchange keys_;
  SessionExchange exchange_;
  const std::unique_ptr<TcpTransport> tcp_;
  std::atomic<bool> repairs_{false};
  ConnectionExchange connections_;
  std::unique_ptr<Discovery> discovery_;  // null: there are only peers_
  std::optional<Agent> agent_;
  double idle_milli_ = 0, received_per_s_ = 0;
  std::uint64_t received_before_ = 0;
  Digest measured_;  // at the last heartbeat
  std::set<std::string> skewed_;
  std::array<std::uint64_t, static_cast<std::size_t>(Rejection::count)> rejections_{};
  std::set<std::string> found_, tried_;  // until we joined
  bool looked_ = false;
  bool draining_ = false;
  bool leaving_ = false;
  bool relieving_ = false;
  std::size_t relieved_ = 0;  // whose turn it is
  std::atomic<bool> leads_{false};
  std::promise<void> all_tried_;
  bool all_were_tried_ = false;
  Placement placement_;
  Mover mover_;
  Movable movable_;  // at the last heartbeat
  std::atomic<std::uint64_t> sent_{0}, unreached_{0}, received_{0};
  mutable std::mutex mutex_;  // what follows
  View view_;
  std::map<tls::MemberNumber, asio::ip::tcp::endpoint> services_;
  std::thread thread_;
};

// What members say. --------------------------------------------------------------------------------

Mesh::Handlers Cluster::Impl::handlers() {
  return {.reached =
              [this](const Hello& to, const asio::ip::address& address) {
                const std::lock_guard lock(mutex_);
                services_[tls::number_of_member(to.name)] = {address, to.service_port};
              },
          .hello = [this](const Hello& from) { return members_.hello(from, Monotonic::now()); },
          .message = [this](const Hello& from, const Message& message,
                            Channel& channel) { return on_message(from, message, channel); },
          .tried = [this](const std::string& address) { on_tried(address); },
          .rejected = [this](Rejection why) { ++rejections_[static_cast<std::size_t>(why)]; },
          .say = say_};
}

bool Cluster::Impl::on_message(const Hello& from, const Message& message, Channel& channel) {
  const tls::MemberNumber number = tls::number_of_member(from.name);
  if (const auto* m = std::get_if<Digest>(&message)) return on_digest(from, *m, channel);
  if (const auto* m = std::get_if<Fetched>(&message)) return exchange_.on(*m), true;
  if (const auto* m = std::get_if<Pushed>(&message)) return exchange_.on(*m), true;
  if (const auto* m = std::get_if<Moved>(&message)) return exchange_.on(*m), true;
  if (const auto* m = std::get_if<Keys>(&message)) return keys_.on(*m, wall_now()), true;
  if (const auto* m = std::get_if<Fetch>(&message)) return channel.send(exchange_.answer(*m, number)), true;
  if (const auto* m = std::get_if<Push>(&message)) return channel.send(exchange_.answer(*m)), true;
  if (std::holds_alternative<WantKeys>(message)) return channel.send(keys_.ours()), true;
  if (std::holds_alternative<Goodbye>(message)) return members_.goodbye(from), false;
  if (connections_.on(from, message)) return true;
  if (!std::holds_alternative<Hello>(message)) return true;
  ++rejections_[static_cast<std::size_t>(Rejection::protocol)];  // a second hello
  return false;
}

bool Cluster::Impl::on_digest(const Hello& from, const Digest& theirs, Channel& channel) {
  const auto now = Monotonic::now();
  if (!members_.digest(from, theirs, now)) return false;
  if (channel.side() == Channel::Side::accepted) channel.send(digest());
  const auto skew = std::chrono::milliseconds{static_cast<std::int64_t>(wall_ms() - theirs.clock_ms)};
  if (skew < -kClockSkew || skew > kClockSkew) {
    if (skewed_.insert(from.name).second)
      say_("cluster: the clocks of " + from.name + " and this machine differ by " +
           std::to_string(skew.count()) + " ms");
  } else {
    skewed_.erase(from.name);
  }
  if (keys_.asks(from.name, theirs.keys, now)) channel.send(WantKeys{});
  return true;
}

Digest Cluster::Impl::digest() const {
  Digest digest = measured_;
  if (draining_) digest.state = MemberState::draining;
  digest.stored_sessions = static_cast<std::uint32_t>(tls_.stored_sessions());
  digest.keys = keys_.fingerprint();
  digest.clock_ms = wall_ms();
  return digest;
}

/// Once a heartbeat. What is measured in a tenth of a second jumps; and of newcomers that came from others,
/// as many may come again.
void Cluster::Impl::measure() {
  const Load load = measure_();
  idle_milli_ += (load.digest.idle_milli - idle_milli_) * Members::kNewsWeight;
  const std::uint64_t received = received_.load(std::memory_order_relaxed);
  const double came = static_cast<double>(received - std::exchange(received_before_, received));
  received_per_s_ += (came / Members::kHeartbeatS - received_per_s_) * Members::kNewsWeight;
  const double spare = std::max(0.0, load.spare_per_s + received_per_s_);
  measured_ = load.digest;
  measured_.idle_milli = static_cast<std::uint32_t>(idle_milli_);
  measured_.takes = mover_.taken(measured_, load.room_connections);
  movable_ = load.movable;
  measured_.spare_milli = static_cast<std::uint32_t>(std::min(spare, 1e6) * 1000);
}

// Time. --------------------------------------------------------------------------------------------

Task<void> Cluster::Impl::heartbeat() {
  boost::system::error_code ignored;
  while (!leaving_) {
    measure();
    const Digest own = digest();
    mesh_.send_all(own);
    const auto others = placeable();
    placement_.update(own, others);
    mover_.beat(own, others, movable_, rebalances_, Monotonic::now());
    if (const auto members = placement_.relief(); delegates_ && !members.empty() && !relieving_)
      asio::co_spawn(io_, relieve(members[relieved_++ % members.size()]), asio::detached);
    connections_.tick(Monotonic::now());
    repairs_ = tcp_ != nullptr && tcp_->ready();
    for (const auto& change : members_.tick(Monotonic::now())) report(change);
    leads_ = keys_.joined() && members_.leads();
    publish();
    beat_.expires_after(Members::kHeartbeat);
    co_await beat_.async_wait(asio::redirect_error(use_task, ignored));
  }
}

Task<void> Cluster::Impl::relieve(tls::MemberNumber member) {
  relieving_ = true;
  co_await exchange_.relieve(member);
  relieving_ = false;
}

/// Those whose clients' port is known.
std::vector<Member> Cluster::Impl::placeable() const {
  std::vector<Member> members;
  const std::lock_guard lock(mutex_);
  for (const Member& member : members_.others()) {
    const auto service = services_.find(member.number);
    if (service != services_.end() && service->second.port() != 0) members.push_back(member);
  }
  return members;
}

std::optional<Place> Cluster::Impl::place(bool no_room) {
  const auto member = placement_.choose(no_room);
  if (!member) return std::nullopt;
  const auto service = service_of(*member);
  return service ? std::optional(Place{.member = *member, .endpoint = *service}) : std::nullopt;
}

std::optional<asio::ip::tcp::endpoint> Cluster::Impl::service_of(tls::MemberNumber member) const {
  const std::lock_guard lock(mutex_);
  const auto service = services_.find(member);
  if (service == services_.end() || service->second.port() == 0) return std::nullopt;
  return service->second;
}

std::optional<tls::MemberNumber> Cluster::Impl::find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  for (const Member& member : view_.others) {
    if (member.name == name && member.liveness == Liveness::alive) return member.number;
  }
  return std::nullopt;
}

void Cluster::Impl::placed(tls::MemberNumber member, bool reached) {
  if (!reached) placement_.failed(member);
  (reached ? sent_ : unreached_).fetch_add(1, std::memory_order_relaxed);
}

void Cluster::Impl::report(const Members::Change& change) {
  const std::string_view verb = change.joined                       ? " joined"
                                : change.after == Liveness::suspect ? " is not heard of"
                                : change.after == Liveness::dead    ? " is gone"
                                                                    : " is back";
  say_("cluster: " + change.name + std::string(verb));
}

void Cluster::Impl::publish() {
  const std::lock_guard lock(mutex_);
  view_ = {.name = mesh_.self().name,
           .address = mesh_.address(),
           .incarnation = mesh_.self().incarnation,
           .leads = leads(),
           .others = members_.others(),
           .rejections = rejections_,
           .sessions = exchange_.counts(),
           .newcomers_sent = sent_.load(),
           .newcomers_unreached = unreached_.load(),
           .newcomers_received = received_.load(),
           .newcomers_share = placement_.share(),
           .discovery = book_.view(),
           .kept = connections_.trouble(),
           .helper = tcp_ == nullptr ? ""
                     : tcp_->ready() ? "ready"
                                     : tcp_->trouble(),
           .dialed = mesh_.dialed()};
}

// Coming and going. --------------------------------------------------------------------------------

Discovery::Handlers Cluster::Impl::discovery_handlers() {
  return {.found = [this](const std::vector<std::string>& addresses) { on_found(addresses); },
          .looked = [this](const Trouble& outcome) { say_if(book_.looked(outcome)); },
          .remark = [this](const Trouble& remark) { say_if(book_.remark(remark)); }};
}

void Cluster::Impl::on_found(const std::vector<std::string>& addresses) {
  Bounded found = bounded(addresses, Members::kMembersMax);
  if (found.left_out > 0) {
    say_if(book_.remark({Looked::overrun, "more than " + std::to_string(Members::kMembersMax) +
                                              " addresses; the others are left out"}));
  } else {
    book_.no_remark(Looked::overrun);
  }
  book_.found(found.addresses.size());
  looked_ = true;
  if (!keys_.joined()) found_ = found.addresses;
  mesh_.want(std::move(found.addresses));
  look_whether_all_were_tried();
}

void Cluster::Impl::on_tried(const std::string& address) {
  if (keys_.joined()) return;
  tried_.insert(address);
  look_whether_all_were_tried();
}

void Cluster::Impl::look_whether_all_were_tried() {
  if (keys_.joined() || !looked_ || !std::ranges::includes(tried_, found_)) return;
  if (!std::exchange(all_were_tried_, true)) all_tried_.set_value();
}

std::size_t Cluster::Impl::join(std::chrono::milliseconds patience) {
  auto tried = all_tried_.get_future();
  asio::post(io_, [this] {
    mesh_.start();
    if (discovery_) {
      discovery_->start();
    } else {
      on_found(peers_);
      book_.looked({Looked::ok, ""});
    }
    if (agent_) agent_->start();
    if (tcp_) tcp_->start();
    asio::co_spawn(io_, heartbeat(), asio::detached);
  });
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "cluster");
    io_.run();
  });
  tried.wait_for(patience);
  std::promise<std::size_t> found;
  asio::post(io_, [this, &found] {
    keys_.join(wall_now());
    found_ = tried_ = {};
    found.set_value(members_.others().size());
  });
  return found.get_future().get();
}

Task<void> Cluster::Impl::farewell() {
  draining_ = true;
  mesh_.send_all(digest());
  co_await exchange_.push_all();
  for (boost::system::error_code ignored; relieving_;) {  // these are on their way as well
    Timer moment(io_.get_executor(), Monotonic::now() + kMoment);
    co_await moment.async_wait(asio::redirect_error(use_task, ignored));
  }
  publish();
  if (discovery_) co_await discovery_->leave();
  mesh_.goodbye(mesh_.self().name + " leaves");
  mesh_.stop();
  leaving_ = true;  // a beat that is due already is not cancelled
  if (discovery_) discovery_->stop();
  if (agent_) agent_->stop();
  beat_.cancel();
  exchange_.stop();
  connections_.stop();
  if (tcp_) tcp_->stop();
  work_.reset();
}

std::pair<int, int> Cluster::Impl::listener_fds() {
  return {mesh_.listener_fd(), agent_ ? agent_->listener_fd() : -1};
}

void Cluster::Impl::stop_accepting() {
  asio::post(io_, [this] {
    mesh_.stop_accepting();
    if (agent_) agent_->suspend();
  });
}

void Cluster::Impl::accept_again() {
  asio::post(io_, [this] {
    mesh_.accept_again();
    if (agent_) agent_->resume();
  });
}

void Cluster::Impl::leave() {
  asio::co_spawn(io_, farewell(), asio::detached);
  thread_.join();  // when the last connection is closed
  thread_ = {};
}

// ---------------------------------------------------------------------------------------------------

Cluster::Cluster(const Options& options, tls::Engine& tls, Measure measure, Say say)
    : impl_(std::make_unique<Impl>(options, tls, std::move(measure), std::move(say))) {}
Cluster::~Cluster() = default;
std::size_t Cluster::join(std::chrono::milliseconds patience) { return impl_->join(patience); }
void Cluster::leave() { impl_->leave(); }
void Cluster::halt() noexcept { impl_->halt(); }
void Cluster::drain() { impl_->drain(); }
std::pair<int, int> Cluster::listener_fds() { return impl_->listener_fds(); }
void Cluster::stop_accepting() { impl_->stop_accepting(); }
void Cluster::accept_again() { impl_->accept_again(); }
const std::string& Cluster::address() const noexcept { return impl_->address(); }
bool Cluster::leads() const noexcept { return impl_->leads(); }
void Cluster::fetch(const tls::SessionIdBytes& id, tls::MemberNumber from, SessionExchange::Done done) {
  impl_->fetch(id, from, std::move(done));
}
bool Cluster::may_place() const noexcept { return impl_->may_place(); }
std::optional<Place> Cluster::place(bool no_room) { return impl_->place(no_room); }
void Cluster::placed(tls::MemberNumber member, bool reached) { impl_->placed(member, reached); }
void Cluster::received() noexcept { impl_->received(); }
View Cluster::view() const { return impl_->view(); }
ConnectionExchange& Cluster::connections() noexcept { return impl_->connections(); }
Mover& Cluster::mover() noexcept { return impl_->mover(); }
bool Cluster::repairs() const noexcept { return impl_->repairs(); }
tls::MemberNumber Cluster::number() const noexcept { return impl_->number(); }
std::uint64_t Cluster::incarnation() const noexcept { return impl_->incarnation(); }
std::optional<asio::ip::tcp::endpoint> Cluster::service_of(tls::MemberNumber member) const {
  return impl_->service_of(member);
}
std::optional<tls::MemberNumber> Cluster::find(std::string_view name) const { return impl_->find(name); }

}  // namespace sluice::cluster
