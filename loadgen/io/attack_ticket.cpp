#include "loadgen/io/attack_ticket.hpp"

#include <array>
#include <utility>

namespace sluice::loadgen {
namespace {

constexpr std::chrono::seconds kBetweenFetches{1};

std::chrono::nanoseconds timeout_of(const Options& options) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::duration<double>(options.timeout_s));
}

}  // namespace

/// One honest handshake, and the wait for the ticket.
class TicketKeeper::Fetch final : public TlsClient {
 public:
  Fetch(Loop& loop, AttackOwner& owner, TlsConnection connection, ConnectionTally& tally)
      : TlsClient(loop, owner, std::move(connection), nullptr), tally_(tally) {
    SSL_set_app_data(tls(), this);
  }

  static int on_new_session(SSL* tls, SSL_SESSION* session) {
    auto* fetch = static_cast<Fetch*>(SSL_get_app_data(tls));
    if (fetch != nullptr) fetch->ticket_ = GenuineTicket(session);
    return 0;  // takes no reference
  }

  GenuineTicket take_ticket() { return std::move(ticket_); }
  int version() const noexcept { return SSL_version(tls()); }

 private:
  void on_connected() override { ++tally_.established; }

  void on_established() override {
    settle(AttackEnd::finished);
    std::array<char, 1024> unexpected;
    int returned = 0;
    while (!ticket_ && (returned = SSL_read(tls(), unexpected.data(), unexpected.size())) > 0) continue;
    const bool waiting = !ticket_ && SSL_get_error(tls(), returned) == SSL_ERROR_WANT_READ;
    if (waiting && version() == TLS1_3_VERSION) return;
    ++(ticket_ || waiting ? tally_.closed_by_us : tally_.closed_idle);
    SSL_shutdown(tls());
    take_tls_errors();
    stop();
  }

  ConnectionTally& tally_;
  GenuineTicket ticket_;
};

TicketKeeper::TicketKeeper(Loop& loop, const Options& options, SSL_CTX* context, const Address& target,
                           Sources& sources, Tally& tally, std::function<void()> on_end)
    : loop_(loop),
      options_(options),
      context_(context),
      target_(target),
      sources_(sources),
      tally_(tally),
      on_end_(std::move(on_end)) {
  SSL_CTX_sess_set_new_cb(context_, &Fetch::on_new_session);
}

TicketKeeper::~TicketKeeper() = default;

bool TicketKeeper::wants_another(Monotonic::time_point now) const noexcept {
  return !ticket_ || now >= half_life_;
}

void TicketKeeper::fetch() {
  const auto now = Monotonic::now();
  if (fetch_ || now < next_fetch_) return;
  next_fetch_ = now + kBetweenFetches;
  auto tls = make_connection(context_, options_);
  if (!tls) return on_end_();
  ++tally_.connections.attempted;
  fetch_ =
      std::make_unique<Fetch>(loop_, static_cast<AttackOwner&>(*this), std::move(tls), tally_.connections);
  fetch_->open(target_, sources_, timeout_of(options_));
}

void TicketKeeper::stop() {
  on_end_ = [] {};
  if (fetch_) fetch_->stop();
}

void TicketKeeper::on_settled(AttackConnection&, AttackEnd end) {
  ConnectionTally& counts = tally_.connections;
  if (end == AttackEnd::finished) {
    ++counts.handshakes_full;
    ++counts.resumption[fetch_->version() == TLS1_3_VERSION ? 1 : 0].offered[at(Offer::none)];
  } else if (end != AttackEnd::failed) {
    ++counts.handshakes_failed;
    ++counts.resumption[options_.tls.version == TlsOptions::Version::v12 ? 0 : 1].offered[at(Offer::none)];
  }
}

void TicketKeeper::on_gone(AttackConnection&) {
  if (GenuineTicket ticket = fetch_->take_ticket()) {
    half_life_ = Monotonic::now() + ticket.lifetime() / 2;
    ticket_ = std::move(ticket);
  }
  fetch_.reset();
  on_end_();
}

}  // namespace sluice::loadgen
