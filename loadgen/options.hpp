#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "loadgen/limits.hpp"
#include "loadgen/model/script.hpp"
#include "loadgen/outcome.hpp"
#include "loadgen/pacer.hpp"
#include "loadgen/profile.hpp"
#include "loadgen/retry.hpp"

/// What a run is asked for; made by the command line and by `lab`, checked there.
namespace sluice::loadgen {

inline constexpr const char* kVersion = SLUICE_VERSION;  ///< The project's.

/// An https URL, taken apart.
struct Target {
  std::string host;  ///< Name or address, without brackets.
  std::uint16_t port = 443;
  std::string authority;  ///< For the Host field: host, with the port unless it is 443.

  std::string text() const;                     ///< https://host:port
  static Target parse(const std::string& url);  ///< Throws UsageError.
};

/// Which sessions a connection offers to resume.
struct Resume {
  enum class Kind {
    per_user,    ///< A user's own last one, as browsers do.
    never,       ///< Nobody offers anything.
    ratio,       ///< A share of all connections; newcomers take sessions that were issued to others.
    session_id,  ///< per_user by session IDs of TLS 1.2, no tickets.
    shared,      ///< Everybody (of a thread) the same one, the last that was issued.
    stale,       ///< Only sessions that are `age` old, whatever lifetime the server gave them.
  };
  Kind kind = Kind::per_user;
  double ratio = 1;
  double age_s = 60;
  std::string text = "per-user";

  static Resume parse(const std::string& text);  ///< Throws UsageError.
};

struct TlsOptions {
  enum class Version { any, v12, v13 };
  Version version = Version::any;
  std::string
      ciphers;  ///< OpenSSL's list; names of TLS 1.3 suites are told apart. Empty: the library's default.
  std::string groups;   ///< As "X25519:P-256".
  std::string ca_file;  ///< Besides the system's trust store.
  std::string sni;      ///< Instead of the target's host.
  bool insecure = false;

  std::string text() const;
};

struct Attack {
  AttackKind kind = AttackKind::random_session_id;
  double rate = 0;  ///< Connections per second, evenly spaced.

  std::string text() const;
  static Attack parse(const std::string& text);  ///< "forged-ticket:100/s"; throws UsageError.
};

enum class Mode { sessions, requests, handshakes };

struct Options {
  Target target;
  Mode mode = Mode::sessions;
  std::optional<Profile> profile;  ///< Open loop: clients/s (sessions, handshakes) or requests/s (requests).
  std::vector<double> recorded;    ///< Open loop by a recorded trace; `profile` is empty then.
  std::string load_text;           ///< For people.
  Arrivals arrivals = Arrivals::poisson;
  std::uint32_t users = 0;  ///< Closed loop when neither profile nor trace; connections in request mode.
  double duration_s = 60, warmup_s = 0, timeout_s = 10;
  ScriptSource source;
  bool images = false;
  TlsOptions tls;
  Resume resume;
  Retry retry = Retry::none;
  std::vector<Attack> attacks;
  unsigned threads = 1;
  std::uint64_t seed = 1;
  std::vector<std::string> headers;  ///< "Name: value", sent with every request.
  std::vector<std::string> sources;  ///< Local addresses; empty: the system's choice, and more of 127.0.0.0/8
                                     ///< when its ports run out.
  std::vector<std::string> attack_sources;  ///< Of attackers; empty: they come from where the others do.
  std::string metrics_url;                  ///< http://host:port/metrics
  std::vector<Limit> limits;
  std::string label;

  bool open_loop() const noexcept { return profile.has_value() || !recorded.empty(); }
};

}  // namespace sluice::loadgen
