#include "loadgen/io/attack.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include "base/random.hpp"
#include "loadgen/io/attack_connection.hpp"
#include "loadgen/io/attack_hello.hpp"
#include "loadgen/io/attack_ticket.hpp"

namespace sluice::loadgen {
namespace {

using Seconds = std::chrono::duration<double>;

constexpr double kBacklogPerPass_s = 0.1;
constexpr unsigned kDeclinedInARowMax = 100;
constexpr std::uint64_t kRandomStream = 0xa77ac00000000000;  // away from those of users

bool uses_ticket(AttackKind kind) noexcept {
  return kind == AttackKind::forged_ticket || kind == AttackKind::shared_ticket ||
         kind == AttackKind::replay_hello || kind == AttackKind::wrong_binder;
}

/// Session IDs are of TLS 1.2, binders of TLS 1.3.
TlsContext context_for(AttackKind kind, TlsOptions tls) {
  tls.insecure = true;
  if (kind == AttackKind::random_session_id) tls.version = TlsOptions::Version::v12;
  if (kind == AttackKind::wrong_binder) tls.version = TlsOptions::Version::v13;
  return make_client_context(tls, kind != AttackKind::random_session_id);
}

}  // namespace

struct AttackDriver::Impl final : Timer, AttackOwner {
  Loop& loop;
  const Options& options;
  const AttackKind kind;
  const Address& target;
  Sources& sources;
  Tally& tally;
  const Seconds interval;  // between this thread's connections
  const Seconds offset;    // of its first one
  Random random;
  TlsContext context;
  std::optional<TicketKeeper> tickets;
  std::shared_ptr<const std::string> recorded;  // the hello to replay
  unsigned declined_in_a_row = 0;

  std::optional<Monotonic::time_point> origin;  // of the schedule, once it has begun
  Monotonic::time_point run_start;
  std::uint64_t next = 0;  // connection of the schedule
  std::size_t open = 0;
  boost::intrusive::list<AttackConnection, boost::intrusive::constant_time_size<false>> connections;

  Impl(Loop& on, const Options& all, const Attack& attack, const Address& to, Sources& from, Tally& into,
       unsigned share, unsigned shares)
      : loop(on),
        options(all),
        kind(attack.kind),
        target(to),
        sources(from),
        tally(into),
        interval(shares / attack.rate),
        offset(share / attack.rate),
        random(Random::stream(all.seed, kRandomStream + at(attack.kind) * 4096 + share)),
        context(context_for(attack.kind, all.tls)) {
    if (uses_ticket(kind))
      tickets.emplace(loop, options, context.get(), target, sources, tally, [this] { on_ticket(); });
  }
  ~Impl() override { connections.clear_and_dispose(std::default_delete<AttackConnection>{}); }

  AttackTally& counts() noexcept { return tally.attacks[at(kind)]; }

  Monotonic::time_point due(std::uint64_t n) const {
    return *origin +
           std::chrono::duration_cast<Monotonic::duration>(offset + interval * static_cast<double>(n));
  }

  void begin(Monotonic::time_point when) {
    origin = when;
    loop.arm(*this, due(0));
  }

  // A handshake of the keeper has ended.
  void on_ticket() {
    declined_in_a_row = 0;
    if (kind == AttackKind::replay_hello && tickets->ticket()) {
      const TlsSession session = tickets->ticket().copy();
      recorded =
          std::make_shared<std::string>(first_flight(make_connection(context.get(), options), session.get()));
    }
    if (!origin) begin(std::max(run_start, Monotonic::now()));
  }

  void on_expired() override {
    const auto now = Monotonic::now();
    auto budget = static_cast<std::uint64_t>(std::max(1.0, kBacklogPerPass_s / interval.count()));
    for (; budget > 0 && due(next) <= now; --budget) {
      ++next;
      launch(now);
    }
    loop.arm(*this, std::max(due(next), Monotonic::now()));  // never due in this pass
  }

  void launch(Monotonic::time_point now) {
    ++counts().started;
    if (tickets && (tickets->wants_another(now) || declined_in_a_row >= kDeclinedInARowMax)) tickets->fetch();
    auto connection = open < kHeldMax ? make() : nullptr;
    if (!connection) {
      ++counts().failed;
      return;
    }
    ++open;
    connections.push_back(*connection);
    connection.release()->open(target, sources,
                               duration_cast<std::chrono::nanoseconds>(Seconds(options.timeout_s)));
  }

  /// None when there is no ticket, or OpenSSL fails.
  std::unique_ptr<AttackConnection> make() {
    using Manner = RawClient::Manner;
    if (tickets && !tickets->ticket()) return nullptr;
    switch (kind) {
      case AttackKind::random_session_id: return offering(invent_session(context.get(), random));
      case AttackKind::forged_ticket: return offering(tickets->ticket().forged(random));
      case AttackKind::shared_ticket: return offering(tickets->ticket().copy());
      case AttackKind::wrong_binder: return offering(tickets->ticket().without_secret(random));
      case AttackKind::replay_hello: return sending(recorded, Manner::until_reply);
      case AttackKind::silent_after_hello: return sending(fresh_hello(), Manner::hold);
      case AttackKind::slow_hello: return sending(fresh_hello(), Manner::byte_by_byte);
    }
    return nullptr;
  }

  std::unique_ptr<AttackConnection> offering(TlsSession session) {
    auto connection = make_connection(context.get(), options);
    if (!session || !connection) return nullptr;
    return std::make_unique<TlsClient>(loop, *this, std::move(connection), std::move(session));
  }

  std::unique_ptr<AttackConnection> sending(std::shared_ptr<const std::string> hello,
                                            RawClient::Manner manner) {
    if (!hello || hello->empty()) return nullptr;
    return std::make_unique<RawClient>(loop, *this, std::move(hello), manner);
  }

  std::shared_ptr<const std::string> fresh_hello() const {
    return std::make_shared<std::string>(first_flight(make_connection(context.get(), options)));
  }

  void on_settled(AttackConnection&, AttackEnd end) override {
    AttackTally& count = counts();
    switch (end) {
      case AttackEnd::resumed: ++count.resumed; [[fallthrough]];
      case AttackEnd::finished: ++count.handshakes; break;
      case AttackEnd::answered: ++count.answered; break;
      case AttackEnd::alert: ++count.alert; break;
      case AttackEnd::rst: ++count.rst; break;
      case AttackEnd::fin: ++count.fin; break;
      case AttackEnd::held: ++count.held; break;
      case AttackEnd::failed: ++count.failed; break;
    }
    if (kind != AttackKind::shared_ticket) return;
    if (end == AttackEnd::resumed) declined_in_a_row = 0;
    if (end == AttackEnd::finished) ++declined_in_a_row;
  }

  void on_gone(AttackConnection& connection) override {
    --open;
    delete &connection;
  }
};

AttackDriver::AttackDriver(Loop& loop, const Options& options, const Attack& attack, const Address& target,
                           Sources& sources, Tally& tally, unsigned share, unsigned shares)
    : impl_(std::make_unique<Impl>(loop, options, attack, target, sources, tally, share, shares)) {}

AttackDriver::~AttackDriver() = default;

void AttackDriver::start(Monotonic::time_point run_start) {
  impl_->run_start = run_start;
  if (impl_->tickets) {
    impl_->tickets->fetch();
  } else {
    impl_->begin(run_start);
  }
}

void AttackDriver::stop() {
  impl_->cancel();
  if (impl_->tickets) impl_->tickets->stop();
  while (!impl_->connections.empty()) impl_->connections.front().stop();
}

}  // namespace sluice::loadgen
