#pragma once
#include <chrono>
#include <optional>

#include <openssl/ssl.h>

#include "admission/session_record.hpp"
#include "base/bytes.hpp"
#include "base/clock.hpp"

/// What the screen has to know of a session.
namespace sluice::tls {

struct SessionFacts {
  int version = 0;  ///< TLS1_2_VERSION, TLS1_3_VERSION, ...
  WallSeconds issued{};
  std::chrono::seconds timeout{};
  std::optional<admission::SessionRecord> record{};

  /// Whether a session of protocol version `wanted` is to resume at `now`: as old as it says, and as we
  /// allow.
  bool live(int wanted, WallSeconds now, std::chrono::seconds longest) const noexcept;
};

SessionFacts facts_of(SSL_SESSION& session) noexcept;

/// Of a session in DER, as i2d_SSL_SESSION(3) writes it, from a ticket whose MAC was right; `nullopt` when it
/// is none. Looks at the few fields that it wants, for d2i_SSL_SESSION(3), which makes an object of all of
/// them, takes a tenth of a resumption. What it does not understand it leaves to that.
std::optional<SessionFacts> facts_of(Bytes der) noexcept;

}  // namespace sluice::tls
