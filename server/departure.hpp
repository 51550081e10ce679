#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "server/handover_key.hpp"
#include "server/listener.hpp"
#include "server/task.hpp"
#include "server/tls/secret.hpp"

/// Connections that go to another owner, as the server sees it: it knows nothing of who that is, nor of how
/// what it says gets there. cluster/handover.hpp has the rules.
namespace sluice::server {

/// What becomes of the TCP connection.
enum class Transport : std::uint8_t {
  fd,      ///< Its descriptor goes to another process on this machine.
  relay,   ///< It stays, and its bytes are passed on.
  repair,  ///< It is taken up by another machine, and packets go there.
  count
};
inline constexpr std::string_view kTransportNames[]{"fd", "relay", "repair"};

/// Both ends of a connection.
struct Flow {
  Endpoint client{}, local{};
};

/// One connection's way out. The connection calls these in their order, on its processor's thread; after
/// each `false`, and whenever it changes its mind before give(), it calls keep(), the last one. `done` is
/// called once, on any thread, also when time is up.
class Departure {
 public:
  using Done = std::function<void(bool)>;
  virtual ~Departure() = default;

  virtual Transport transport() const noexcept = 0;
  /// Of `relay`: where the bytes go.
  struct Leg {
    Endpoint to{};
    HandoverKey key{};
  };
  virtual std::optional<Leg> leg() const { return std::nullopt; }
  /// The new owner is asked. True: the connection is to stop sending.
  virtual void prepare(Done done) = 0;
  /// All it knows (encode(ConnectionImage)), and its descriptor, which it keeps. True: the keys are to be
  /// wiped now, for the new owner has them.
  virtual void offer(tls::SecretBuffer image, int fd, Done done) = 0;
  /// They are. False: it is nobody's any more. The socket must be open until then.
  virtual void give(Done done) = 0;
  /// The connection stays, and may use its socket when it is done; false: that is of no use any more.
  virtual void keep(std::string_view why, Done done) = 0;
};
using DeparturePtr = std::shared_ptr<Departure>;

/// Brings connections to others. Called on any processor's thread; outlives the processors.
class Carrier {
 public:
  virtual ~Carrier() = default;
  /// Null: not now.
  virtual DeparturePtr depart(const Flow& flow) = 0;
};

/// Which connections of a processor are to go.
struct MoveOrder {
  Carrier* carrier = nullptr;      ///< Null: none.
  std::size_t idle = 0, busy = 0;  ///< So many between requests, and of the others behind the next answer ...
  bool all = false;                ///< ... or all, also those that come still.
  Monotonic::duration residence{};  ///< Whoever has not been here for so long stays.
};

}  // namespace sluice::server
