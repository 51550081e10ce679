#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "base/clock.hpp"
#include "cluster/protocol.hpp"
#include "server/tls/ticket_keys.hpp"

/// What members tell each other of ticket keys. Who sees in a digest that another has other keys asks for
/// them, so all come to have all. One thread; time is an argument.
namespace sluice::cluster {

class KeyExchange {
 public:
  static constexpr std::chrono::seconds kAskEvery{1};  ///< Each member, at most.

  /// Borrows `keys`.
  explicit KeyExchange(tls::TicketKeys& keys) noexcept : keys_(keys) {}

  /// What is told to whoever asks, and in digests: nothing before join().
  Keys ours() const;
  std::uint64_t fingerprint() const;
  /// A member said which keys it has. Before join() they are put aside.
  void on(const Keys& keys, WallSeconds now);
  /// Whether to ask `from`, whose keys have that fingerprint.
  bool asks(const std::string& from, std::uint64_t theirs, Monotonic::time_point now);
  /// From now on this member is one of them. Where others have agreed on keys already, they replace its own,
  /// with which nothing was sealed yet.
  void join(WallSeconds now);
  bool joined() const noexcept { return joined_; }

 private:
  tls::TicketKeys& keys_;
  Keys offered_;                                        // before join()
  std::map<std::string, Monotonic::time_point> asked_;  // by member
  bool joined_ = false;
};

}  // namespace sluice::cluster
