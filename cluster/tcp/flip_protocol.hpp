#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "cluster/tcp/redirector.hpp"
#include "server/tls/secret.hpp"

/// Orders to redirect a flow, in UDP: one datagram an order, one an answer, all fields big-endian. No socket,
/// no clock.
///
///     order    version[1]=1 kind[1]=1 nonce[8] time[8] client[16] port[2] local[16] port[2] mac[6] moves[2]
///              HMAC-SHA256(secret, all before)[32]
///     answer   version[1]=1 kind[1]=2 nonce[8] result[1] HMAC-SHA256(secret, all before)[32]
///
/// `time` is ms since 1970; IPv4 addresses are mapped (::ffff:a.b.c.d). An order is carried out once: its
/// nonce is remembered for as long as its time is believed, and one that comes again gets the same answer.
namespace sluice::cluster::tcp {

inline constexpr std::size_t kOrderSize = 94, kAnswerSize = 43;
inline constexpr std::size_t kSecretMin = 32, kSecretMax = 4096;
/// By how much clocks may differ, and how long an order may take.
inline constexpr std::chrono::seconds kOrderAge{30};

enum class FlipResult : std::uint8_t {
  done = 0,
  stale,     ///< A later move of the flow is known.
  not_ours,  ///< Clients don't come there.
  busy,      ///< The flow is being moved from here.
  full,      ///< Of flows, or of orders.
  count
};
/// A sentence.
const char* text_of(FlipResult result) noexcept;

struct FlipOrder {
  std::uint64_t nonce = 0;
  std::uint64_t time_ms = 0;
  Flip flip{};
  bool operator==(const FlipOrder&) const = default;
};
struct FlipAnswer {
  std::uint64_t nonce = 0;
  FlipResult result = FlipResult::done;
  bool operator==(const FlipAnswer&) const = default;
};

std::vector<std::uint8_t> seal(const FlipOrder& order, const tls::SecretBytes& secret);
std::vector<std::uint8_t> seal(const FlipAnswer& answer, const tls::SecretBytes& secret);
/// `nullopt`: not such a datagram, or from somebody without the secret.
std::optional<FlipOrder> open_order(Bytes datagram, const tls::SecretBytes& secret);
std::optional<FlipAnswer> open_answer(Bytes datagram, const tls::SecretBytes& secret);

/// What was ordered lately.
class FlipBook {
 public:
  static constexpr std::size_t kMost = 65'536;  ///< Orders that are remembered: 1,000 a second.

  /// What an order that came before was answered, or why this one is not carried out; `nullopt`: carry it
  /// out, and tell answered(). `fresh` is false when its time is not believed: then it gets no answer.
  struct Look {
    bool fresh = true;
    std::optional<FlipResult> answer{};
  };
  Look look(const FlipOrder& order, std::uint64_t now_ms);
  void answered(const FlipOrder& order, FlipResult result);

 private:
  struct Answered {
    Flow flow{};
    std::uint16_t moves = 0;
    FlipResult result = FlipResult::done;
  };
  void forget_before(std::uint64_t time_ms);

  std::map<std::pair<std::uint64_t, std::uint64_t>, Answered> orders_;  ///< By time and nonce.
  std::map<Flow, std::uint16_t> moves_;                                 ///< Of flows in `orders_`: the last.
};

}  // namespace sluice::cluster::tcp
