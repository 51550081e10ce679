#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// OpenSSL as a source of real ClientHellos and as a second opinion on what they say. Nothing here touches a
/// socket.
namespace sluice::tls {

struct RealHello {
  const char* name;
  std::string bytes;
};

/// What OpenSSL's own client sends first: TLS 1.2 and 1.3, fresh and resuming by ticket, PSK and session ID.
/// All name the server "auction.example" and offer http/1.1.
std::vector<RealHello> openssl_hellos();

/// What an OpenSSL server tells its client_hello callback.
struct Seen {
  std::uint16_t legacy_version = 0;
  std::string session_id;
  bool offers_tls13 = false;
  bool has_ticket = false;
  bool has_psk = false;

  bool operator==(const Seen&) const = default;
};

/// `nullopt` when OpenSSL refuses the bytes, or wants more, before it calls back.
std::optional<Seen> seen_by_openssl(std::string_view bytes);

}  // namespace sluice::tls
