#pragma once
#include "server/tls/context.hpp"
#include "server/tls/screen.hpp"
#include "server/tls/session_store.hpp"
#include "server/tls/ticket.hpp"
#include "server/tls/ticket_keys.hpp"

/// The server's TLS: one, shared by all processors.
namespace sluice::tls {

/// The SSL_CTX with everything its callbacks use: the tickets' keys, the stored sessions. Every function may
/// be called from any thread. Must outlive the connections made with it.
///
/// With a HandshakeGuard on a connection (tls_stream.hpp), tickets and stored sessions carry its admission
/// record, and sessions without one do not resume. Without a guard everybody resumes, and no record is
/// issued.
class Engine {
 public:
  /// Throws `std::runtime_error` with a sentence, like make_context().
  explicit Engine(const ContextOptions& options);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Whose context it is.
  static Engine& of(const SSL_CTX& context) noexcept {
    return *static_cast<Engine*>(SSL_CTX_get_app_data(&context));
  }

  /// Stores the session of a connection of ours up to TLS 1.2 now, which at the end of its handshake was not
  /// to be resumed.
  static void store(SSL* ssl) noexcept;

  SSL_CTX& context() const noexcept { return *context_; }
  /// Somebody has to call renew() once in a while.
  TicketKeys& ticket_keys() noexcept { return keys_; }
  const TicketKeys& ticket_keys() const noexcept { return keys_; }
  SessionStore& sessions() noexcept { return sessions_; }
  std::size_t stored_sessions() const { return sessions_.size(); }
  std::uint64_t stored_sessions_evicted() const noexcept { return sessions_.evictions(); }
  /// Who makes our session IDs.
  MemberNumber member() const noexcept { return member_; }
  const TicketCodec& codec() const noexcept { return codec_; }
  const Issuer& issuer() const noexcept { return issuer_; }
  std::chrono::seconds session_timeout() const noexcept { return session_timeout_; }

 private:
  const std::chrono::seconds session_timeout_;
  const MemberNumber member_;
  const TicketCodec codec_;
  TicketKeys keys_;
  SessionStore sessions_;
  const Issuer issuer_;
  const Context context_;
};

}  // namespace sluice::tls
