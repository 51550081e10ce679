#pragma once
#include <optional>
#include <utility>

#include <openssl/ssl.h>

#include "server/tls/handshake_guard.hpp"

/// What OpenSSL's callbacks find beside an SSL of ours.
namespace sluice::tls {

/// A guard and what it said so far in one handshake: after a HelloRetryRequest OpenSSL goes through the
/// second hello as if it were the first, and a client may list any number of tickets in one hello. Belongs to
/// the thread of its connection.
class Handshake {
 public:
  using Answer = HandshakeGuard::Answer;

  /// A null guard admits everybody, and wants no records.
  explicit Handshake(HandshakeGuard* guard) noexcept : guard_(guard) {}

  /// Null for an SSL that nobody attached one to.
  static Handshake* of(SSL* ssl) noexcept { return static_cast<Handshake*>(SSL_get_app_data(ssl)); }
  /// `ssl` borrows it from now on.
  void attach(SSL* ssl) noexcept { SSL_set_app_data(ssl, this); }

  bool guarded() const noexcept { return guard_ != nullptr; }

  Answer may_sign() noexcept {
    if (!granted_) granted_ = !guarded() || (last_ = guard_->may_sign()) == Answer::go_on;
    return granted_ ? Answer::go_on : last_;
  }

  bool may_resume(const std::optional<admission::SessionRecord>& record) noexcept {
    if (!guarded()) return true;
    if (!record) return false;
    if (!asked_ || asked_->first != *record) asked_.emplace(*record, guard_->may_resume(*record));
    return asked_->second;
  }

  /// Whether a ticket or stored session may be issued now.
  bool may_issue() const noexcept { return !guarded() || guard_->record().has_value(); }
  std::optional<admission::SessionRecord> record() const noexcept {
    return guarded() ? guard_->record() : std::nullopt;
  }

  /// What may not be issued now may be later.
  void withhold() noexcept { withheld_ = true; }
  bool withheld() const noexcept { return withheld_; }

  /// Another ticket is to be opened; false when there were enough. Clients have one, or one per hello.
  bool try_ticket() noexcept { return tickets_++ < kTicketsMax; }

 private:
  static constexpr unsigned kTicketsMax = 4;

  HandshakeGuard* guard_;
  bool granted_ = false;
  bool withheld_ = false;
  Answer last_ = Answer::wait;
  std::optional<std::pair<admission::SessionRecord, bool>> asked_{};
  unsigned tickets_ = 0;
};

}  // namespace sluice::tls
