#pragma once
#include <cstdint>

/// Where a connection asks whether it may come in.
namespace sluice::admission {

/// What a ClientHello says of its sender. A claim until the handshake has proved it.
enum class Claim : std::uint8_t {
  fresh,     ///< A newcomer: a full handshake.
  resuming,  ///< Offers a ticket, a PSK identity or a session ID.
};

enum class Decision : std::uint8_t { admit };

/// One per processor, used on its thread only. The policy of this first gate is `off`: it admits everybody
/// and only keeps the place in the connection's life where the decision falls.
class Gate {
 public:
  Decision decide(Claim claim) noexcept;

  std::uint64_t admitted(Claim claim) const noexcept { return admitted_[static_cast<std::size_t>(claim)]; }

 private:
  std::uint64_t admitted_[2]{};
};

}  // namespace sluice::admission
