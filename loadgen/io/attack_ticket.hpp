#pragma once
#include <functional>
#include <memory>

#include "loadgen/io/attack_connection.hpp"
#include "loadgen/io/attack_hello.hpp"
#include "loadgen/options.hpp"
#include "loadgen/tally.hpp"

/// How an attacker comes by a genuine ticket.
namespace sluice::loadgen {

/// Gets tickets by honest handshakes, each on a connection of its own that is closed when the ticket has come
/// (TLS 1.3: after the handshake, RFC 8446 section 4.6.1). They are counted in `Tally::connections`. Belongs
/// to the loop's thread.
class TicketKeeper final : private AttackOwner {
 public:
  /// Borrows everything. `context` is made with tickets; its callback for new sessions is taken.
  /// `on_end` is called after each handshake of its own, whether or not it brought a ticket.
  TicketKeeper(Loop& loop, const Options& options, SSL_CTX* context, const Address& target, Sources& sources,
               Tally& tally, std::function<void()> on_end);
  ~TicketKeeper();

  /// None until the first handshake has brought one. An old one is kept when a later handshake brings none.
  const GenuineTicket& ticket() const noexcept { return ticket_; }
  /// None yet, or one past half of its lifetime.
  bool wants_another(Monotonic::time_point now) const noexcept;
  /// Begins a handshake, unless one is under way or began within the last second.
  void fetch();
  /// Closes what is under way.
  void stop();

 private:
  class Fetch;

  void on_settled(AttackConnection& connection, AttackEnd end) override;
  void on_gone(AttackConnection& connection) override;

  Loop& loop_;
  const Options& options_;
  SSL_CTX* context_;
  const Address& target_;
  Sources& sources_;
  Tally& tally_;
  std::function<void()> on_end_;
  std::unique_ptr<Fetch> fetch_;
  Monotonic::time_point next_fetch_{};
  Monotonic::time_point half_life_{};
  GenuineTicket ticket_;
};

}  // namespace sluice::loadgen
