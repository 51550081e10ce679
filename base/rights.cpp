#include "base/rights.hpp"

#include <cstring>

namespace sluice {

void Rights::expect(msghdr& message) noexcept {
  message.msg_control = bytes_.data();
  message.msg_controllen = bytes_.size();
}

void Rights::put(msghdr& message, int fd) noexcept {
  message.msg_control = bytes_.data();
  message.msg_controllen = CMSG_SPACE(sizeof fd);
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
}

std::vector<Descriptor> descriptors_of(msghdr& message) {
  std::vector<Descriptor> found;
  for (cmsghdr* at = CMSG_FIRSTHDR(&message); at != nullptr; at = CMSG_NXTHDR(&message, at)) {
    if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(at) + i * sizeof fd, sizeof fd);
      found.emplace_back(fd);
    }
  }
  return found;
}

}  // namespace sluice
