#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <boost/system/result.hpp>

#include "base/bytes.hpp"
#include "base/descriptor.hpp"
#include "base/error.hpp"
#include "server/tls/secret.hpp"

/// What two processes on one machine say to each other when one takes over from the other: datagrams on a
/// pair of connected Unix sockets (SOCK_SEQPACKET), with descriptors as SCM_RIGHTS (unix(7)). Between them
/// stand only the kernel and who started one of them, so nobody has to be authenticated; what is said is
/// checked all the same.
namespace sluice::cluster {

struct Parcel {
  enum class Type : std::uint8_t {
    // From the process that goes, before the other is up.
    listener = 1,  ///< `fd` listens on `text`, of the setting named before its first space.
    keys,          ///< `body`: ticket keys, as in `Keys` of the peer protocol.
    go,            ///< That was all: start.
    // From the one that comes.
    up,      ///< It accepts. `id`: its process.
    failed,  ///< `text`: why not.
    // A session (tls::SessionState) for who has no connection at the moment.
    session,
    // Hand-overs (cluster/handover.hpp); `id` names one.
    prepare,
    prepared,
    state,  ///< `body`: the image of the connection, `fd`: its socket.
    ready,
    commit,
    cancel,  ///< `text`: why.
    // From the one that goes.
    done,  ///< Nothing more comes.
    count
  };
  Type type = Type::go;
  std::uint64_t id = 0;
  tls::SecretBuffer body{};
  int fd = -1;  ///< Received: the receiver's. Sent: stays the sender's.

  std::string text() const { return {body.begin(), body.end()}; }
};

Parcel text_parcel(Parcel::Type type, std::uint64_t id, std::string_view text, int fd = -1);

enum class ParcelError {
  ended = 1,  ///< The other process is gone, or has closed its end.
  malformed,  ///< What came is no parcel; it is dropped, with its descriptors.
  too_slow,   ///< The other process does not read.
};
boost::system::error_code make_error_code(ParcelError error) noexcept;

/// One end. Owns its descriptor. send() may be called by several threads at once; receive() by one.
class ParcelSocket {
 public:
  static constexpr std::size_t kBodyMax = 200 * 1024;

  explicit ParcelSocket(int fd) noexcept : fd_(fd) {}

  int fd() const noexcept { return fd_.get(); }
  int release() noexcept { return fd_.release(); }

  /// Waits for room, at most `patience`. Aborts when the body is longer than kBodyMax.
  boost::system::error_code send(const Parcel& parcel, std::chrono::milliseconds patience) const;
  /// `nullopt` when nothing came in time.
  boost::system::result<std::optional<Parcel>> receive(std::chrono::milliseconds patience);

 private:
  Descriptor fd_;
  tls::SecretBuffer room_;
};

/// Both ends, close-on-exec. Throws std::system_error.
std::pair<ParcelSocket, ParcelSocket> make_parcel_sockets();

}  // namespace sluice::cluster

template <>
struct boost::system::is_error_code_enum<sluice::cluster::ParcelError> : std::true_type {};
