#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/tls/engine.hpp"
#include "server/tls/record_stream.hpp"
#include "tests/unit/server/tls/counted_key.hpp"

/// Our server against OpenSSL's client over a pair of sockets, step by step on one thread: nothing waits.
namespace sluice::tls {

inline constexpr admission::SessionRecord kVisit{
    .id = {0x0123456789abcdef, 0xfedcba9876543210},
    .admitted_at = WallSeconds{std::chrono::seconds{1'700'000'000}},
    .epoch = 7};

/// Answers what it was told to, and notes what it was asked.
class ScriptedGuard final : public HandshakeGuard {
 public:
  Answer sign = Answer::go_on;
  int waits = 0;  ///< Times to say "wait" before `sign`.
  bool resume = true;
  std::optional<admission::SessionRecord> issue = kVisit;
  mutable int issues = 1'000;  ///< Times to name `issue`; then nothing.

  int asked_to_sign = 0;
  std::vector<admission::SessionRecord> asked_to_resume{};

  Answer may_sign() noexcept override {
    ++asked_to_sign;
    return waits > 0 ? --waits, Answer::wait : sign;
  }
  bool may_resume(const admission::SessionRecord& record) noexcept override {
    asked_to_resume.push_back(record);
    return resume;
  }
  std::optional<admission::SessionRecord> record() const noexcept override {
    return issues-- > 0 ? issue : std::nullopt;
  }
};

struct Client {
  int version = TLS1_3_VERSION;
  bool tickets = true;             ///< False: TLS 1.2 with session IDs.
  SSL_SESSION* session = nullptr;  ///< To resume; borrowed.
  const char* groups = nullptr;    ///< null: OpenSSL's own.
};

struct Outcome {
  bool connected = false;             ///< Both ends say that the handshake is through.
  bool resumed = false;               ///< As the server sees it.
  boost::system::error_code error{};  ///< The server's.
  int alert = -1;                     ///< That the client received; -1: none.
  int suspended = 0;                  ///< Times the handshake wanted a grant.
  int key_operations = 0;
  Session session{};        ///< What the client would resume next time; null: nothing.
  std::size_t tickets = 0;  ///< NewSessionTickets of TLS 1.3.
};

class Rig {
 public:
  using Act = std::function<void(TlsStream&)>;

  /// `own`: with the record layer of our own.
  explicit Rig(KeyKind kind = KeyKind::ecdsa, ContextOptions options = {}, bool own = true);

  Engine& engine() noexcept { return *engine_; }
  Proof prove(const Hello& hello) { return engine_->issuer().verify(hello, wall_now()); }
  std::optional<admission::SessionRecord> verify(const Hello& hello) { return prove(hello).record; }
  /// A whole connection; `act` may do something with the server's end after the handshake, before the server
  /// writes a byte.
  Outcome visit(const Client& client, ScriptedGuard* guard, const Act& act = {},
                Issue issue = Issue::in_handshake);

 private:
  CountedKey key_;
  const bool own_;
  RecordBuffers buffers_{};
  std::unique_ptr<Engine> engine_;
};

/// What the client would send first, as our server reads it.
Hello hello_of(const Client& client);

// Tickets and sessions by hand. ----------------------------------------------------------------------

std::string ticket_in(const SSL_SESSION& session);
/// Another session, in whose DER `to` stands in the place of `from`, which has the same size.
Session replaced(SSL_SESSION& session, const std::string& from, const std::string& to);
std::string flipped(std::string bytes, std::size_t bit);
/// A ticket as RFC 5077 recommends it, made without TicketCodec.
std::string seal(const TicketKey& key, Bytes der);
/// The same ticket, issued earlier.
std::string aged(Engine& engine, const std::string& ticket, std::chrono::seconds by);

}  // namespace sluice::tls
