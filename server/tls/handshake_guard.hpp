#pragma once
#include <optional>

#include "admission/session_record.hpp"

/// The second stage of telling new visitors from returning ones: what OpenSSL found out decides, not what the
/// hello looked like (stage one is screen.hpp).
namespace sluice::tls {

/// What a connection decides during its handshake. Called on the connection's own thread, from within
/// TlsStream::handshake(), which must not be called from here.
class HandshakeGuard {
 public:
  enum class Answer {
    go_on,   ///< For the rest of the handshake; may_sign() is not asked again.
    wait,    ///< TlsStream::handshake() returns `Need::grant`, and asks again when it is called again.
    refuse,  ///< Ends the handshake with the alert internal_error, and `StreamError::refused`.
  };

  HandshakeGuard(const HandshakeGuard&) = delete;
  HandshakeGuard& operator=(const HandshakeGuard&) = delete;

  /// OpenSSL does not resume, and has computed nothing asymmetric yet. Asked in every full handshake and in
  /// no resumed one, also after may_resume() said yes: what the client lets follow on a genuine ticket may
  /// still not fit.
  virtual Answer may_sign() noexcept = 0;

  /// The visitor shows a ticket or a session ID of ours that is genuine and unexpired. Whether the secret
  /// that goes with it is his, too, is seen later: count a resumption when the handshake is through. False
  /// makes it a full handshake. Asked once for each different record; the answer holds for the handshake.
  virtual bool may_resume(const admission::SessionRecord& record) noexcept = 0;

  /// For tickets and stored sessions issued from now on. `nullopt`: none are issued, for a visitor who was
  /// refused must never count as a returning one.
  virtual std::optional<admission::SessionRecord> record() const noexcept = 0;

 protected:
  HandshakeGuard() = default;
  ~HandshakeGuard() = default;
};

}  // namespace sluice::tls
