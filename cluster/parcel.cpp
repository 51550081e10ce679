#include "cluster/parcel.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "base/clock.hpp"
#include "base/rights.hpp"

namespace sluice::cluster {

namespace {

constexpr std::size_t kHeader = 1 + 8;

class ParcelCategory final : public ErrorCategory {
 public:
  const char* name() const noexcept override { return "sluice.parcel"; }
  std::string message(int value) const override {
    switch (static_cast<ParcelError>(value)) {
      case ParcelError::ended: return "the other process has ended";
      case ParcelError::malformed: return "what came from the other process is not what was agreed on";
      case ParcelError::too_slow: return "the other process does not read";
    }
    return "unknown error";
  }
};

/// False when time is up first.
bool wait_for(int fd, short events, Monotonic::time_point deadline) noexcept {
  pollfd waited{.fd = fd, .events = events, .revents = 0};
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Monotonic::now());
    const int ready = ::poll(&waited, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (ready >= 0 || errno != EINTR) return ready > 0;
  }
}

}  // namespace

boost::system::error_code make_error_code(ParcelError error) noexcept {
  static const ParcelCategory category;
  return {static_cast<int>(error), category};
}

Parcel text_parcel(Parcel::Type type, std::uint64_t id, std::string_view text, int fd) {
  return {.type = type, .id = id, .body = {text.begin(), text.end()}, .fd = fd};
}

boost::system::error_code ParcelSocket::send(const Parcel& parcel, std::chrono::milliseconds patience) const {
  if (parcel.body.size() > kBodyMax) std::abort();
  std::array<std::uint8_t, kHeader> head{static_cast<std::uint8_t>(parcel.type)};
  for (std::size_t i = 0; i < 8; ++i) head[1 + i] = static_cast<std::uint8_t>(parcel.id >> (56 - 8 * i));
  std::array<iovec, 2> parts{iovec{head.data(), head.size()},
                             iovec{const_cast<std::uint8_t*>(parcel.body.data()), parcel.body.size()}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  Rights rights;
  if (parcel.fd >= 0) rights.put(message, parcel.fd);
  const auto deadline = Monotonic::now() + patience;
  while (::sendmsg(fd(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != ENOBUFS) return ParcelError::ended;
    if (!wait_for(fd(), POLLOUT, deadline)) return ParcelError::too_slow;
    if (Monotonic::now() >= deadline) return ParcelError::too_slow;  // there is room, but no memory
  }
  return {};
}

boost::system::result<std::optional<Parcel>> ParcelSocket::receive(std::chrono::milliseconds patience) {
  room_.resize(kHeader + kBodyMax + 1);
  if (!wait_for(fd(), POLLIN, Monotonic::now() + patience)) return std::optional<Parcel>{};
  iovec part{room_.data(), room_.size()};
  Rights rights;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  rights.expect(message);
  const ssize_t n = ::recvmsg(fd(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return std::optional<Parcel>{};
  if (n <= 0) return ParcelError::ended;
  auto beside = descriptors_of(message);
  const auto size = static_cast<std::size_t>(n);
  const bool fine = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 && beside.size() <= 1 &&
                    size >= kHeader && size <= kHeader + kBodyMax && room_[0] >= 1 &&
                    room_[0] < static_cast<std::uint8_t>(Parcel::Type::count);
  Parcel parcel;
  if (fine) {
    parcel.type = static_cast<Parcel::Type>(room_[0]);
    for (std::size_t i = 0; i < 8; ++i) parcel.id = parcel.id << 8 | room_[1 + i];
    parcel.body.assign(room_.begin() + kHeader, room_.begin() + n);
    if (!beside.empty()) parcel.fd = beside.front().release();
  }
  OPENSSL_cleanse(room_.data(), size);
  if (!fine) return ParcelError::malformed;
  return std::optional<Parcel>(std::move(parcel));
}

std::pair<ParcelSocket, ParcelSocket> make_parcel_sockets() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
    throw std::system_error(errno, std::generic_category(), "can't make a pair of sockets");
  std::pair pair{ParcelSocket(fds[0]), ParcelSocket(fds[1])};
  constexpr int kRoom = 1024 * 1024;  // as much as the machine lets us have of it
  for (const int fd : fds) ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kRoom, sizeof kRoom);
  return pair;
}

}  // namespace sluice::cluster
