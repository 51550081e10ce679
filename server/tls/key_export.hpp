#pragma once
#include <optional>

#include <openssl/ssl.h>

#include "base/bytes.hpp"
#include "server/tls/key_schedule.hpp"

/// Takes the keys out of a handshake that is through, by OpenSSL's public interface alone.
namespace sluice::tls {

/// What OpenSSL wrote, as far as the record layer has to know: where to continue.
class Flights {
 public:
  /// All that came of one step of the handshake, which may be nothing.
  void note(Bytes flight) noexcept;
  /// Of the last step. In TLS 1.3 that finishes the handshake, and these are tickets, which have taken the
  /// first sequence numbers of the application's keys.
  std::uint64_t records() const noexcept { return records_; }
  /// The first eight bytes of the last record so far. Up to TLS 1.2 that is the Finished, whose explicit
  /// nonce is to be continued.
  std::uint64_t nonce() const noexcept { return nonce_; }

 private:
  std::uint64_t records_ = 0;
  std::uint64_t nonce_ = 0;
};

/// The state behind the handshake of `ssl`, the server's end, which is through. `nullopt` when it is no suite
/// of ours or something is missing.
std::optional<RecordState> export_keys(SSL& ssl, const TrafficSecrets& secrets, const Flights& flights);

}  // namespace sluice::tls
