#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include <boost/intrusive/list.hpp>

#include "loadgen/io/attack_reply.hpp"
#include "loadgen/io/loop.hpp"
#include "loadgen/io/socket.hpp"
#include "loadgen/io/tls.hpp"

/// Connections of attackers: on the loop, from connect() to close, within one timeout.
namespace sluice::loadgen {

class AttackConnection;

/// What came of a connection; the names are those of AttackTally.
enum class AttackEnd : std::uint8_t { finished, resumed, answered, alert, rst, fin, held, failed };

/// Who started a connection, and owns it. Outlives it.
class AttackOwner {
 public:
  /// Once per connection, as soon as it is known; the connection may go on holding a place.
  virtual void on_settled(AttackConnection& connection, AttackEnd end) = 0;
  /// The last call of a connection, after it was settled: destroy it.
  virtual void on_gone(AttackConnection& connection) = 0;

 protected:
  ~AttackOwner() = default;
};

/// What all of them have in common: a socket, a deadline, an outcome. Belongs to the loop's thread.
class AttackConnection
    : private Watched,
      private Timer,
      public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  AttackConnection(Loop& loop, AttackOwner& owner) : loop_(loop), owner_(owner) {}
  ~AttackConnection() override;

  /// Connects. Without a socket it ends at once, as `failed`, before this returns.
  void open(const Address& to, Sources& sources, std::chrono::nanoseconds timeout);
  /// Ends it at once: as `held` unless more came of it. Calls the owner.
  void stop();

 protected:
  int socket() const noexcept { return socket_; }
  bool settled() const noexcept { return settled_; }
  /// The first call counts.
  void settle(AttackEnd end);
  /// Settles and closes; `this` is gone after it.
  void finish(AttackEnd end);
  /// A call of on_tick() at `when`, or at the deadline if that is sooner.
  void wake_at(Monotonic::time_point when) noexcept;

  virtual void on_connected() {}
  /// Connected, and something may have become readable or writable.
  virtual void on_io() = 0;
  virtual void on_tick() {}
  /// What it is when it ends here and now from our side.
  virtual AttackEnd end_by_us() const = 0;

 private:
  void on_ready(std::uint32_t epoll_events) final;
  void on_expired() final;
  bool connected() noexcept;

  Loop& loop_;
  AttackOwner& owner_;
  Monotonic::time_point ends_at_{};
  int socket_ = -1;
  bool connected_ = false;
  bool settled_ = false;
};

/// Sends bytes that were made before, reads what comes, answers nothing. Keeps no TLS state.
class RawClient final : public AttackConnection {
 public:
  enum class Manner : std::uint8_t {
    until_reply,   ///< All at once, and closes when the server has begun to answer.
    hold,          ///< All at once, and holds until the server closes or the timeout.
    byte_by_byte,  ///< One every `kByteInterval`, and holds.
  };
  static constexpr std::chrono::milliseconds kByteInterval{100};

  RawClient(Loop& loop, AttackOwner& owner, std::shared_ptr<const std::string> hello, Manner manner)
      : AttackConnection(loop, owner), hello_(std::move(hello)), manner_(manner) {}

 private:
  void on_io() override;
  void on_tick() override;
  AttackEnd end_by_us() const override;
  void send();
  /// False when `this` is gone.
  bool receive();

  std::shared_ptr<const std::string> hello_;  // none once it was sent
  std::uint32_t sent_ = 0;
  Manner manner_;
  bool begun_ = false;
  bool reset_ = false;
  ReplyScan reply_;
};

/// A TLS client that goes as far as the server lets it, and closes when the handshake is finished.
class TlsClient : public AttackConnection {
 public:
  /// `offered` may be none. It must not be in use elsewhere.
  TlsClient(Loop& loop, AttackOwner& owner, TlsConnection tls, TlsSession offered);

 protected:
  SSL* tls() const noexcept { return tls_.get(); }
  /// The handshake is finished, or it was and something more has come.
  virtual void on_established();
  /// What the failed step of OpenSSL says.
  AttackEnd end_of_step(int returned);

 private:
  void on_io() override;
  AttackEnd end_by_us() const override;

  TlsConnection tls_;
};

}  // namespace sluice::loadgen
