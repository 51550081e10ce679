#include "cluster/tcp/socket_diag.hpp"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <stdexcept>

namespace sluice::cluster::tcp {

namespace {

constexpr std::uint8_t kTimeWait = 6, kListen = 10;  // states of the kernel's TCP

struct Question {
  nlmsghdr header{};
  inet_diag_req_v2 body{};
};

Question question_of(const Flow& flow) noexcept {
  Question question;
  question.header.nlmsg_len = sizeof question;
  question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.header.nlmsg_flags = NLM_F_REQUEST;
  question.body.sdiag_family = flow.v4() ? AF_INET : AF_INET6;
  question.body.sdiag_protocol = IPPROTO_TCP;
  question.body.idiag_states = ~0U;
  inet_diag_sockid& id = question.body.id;
  const std::size_t skipped = flow.v4() ? 12 : 0;
  std::memcpy(id.idiag_src, flow.local.address.data() + skipped, 16 - skipped);
  std::memcpy(id.idiag_dst, flow.client.address.data() + skipped, 16 - skipped);
  id.idiag_sport = htons(flow.local.port);
  id.idiag_dport = htons(flow.client.port);
  id.idiag_cookie[0] = id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  return question;
}

}  // namespace

SocketDiag::SocketDiag() : netlink_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)) {
  if (!netlink_) throw std::runtime_error("the kernel can't be asked about its sockets (NETLINK_SOCK_DIAG)");
}

/// The kernel answers within the call that asks, so receiving does not wait. Where no connection fits, it
/// tells of the listener.
bool SocketDiag::there(const Flow& flow) const noexcept {
  const Question question = question_of(flow);
  alignas(nlmsghdr) char answer[4096];
  if (::send(netlink_.get(), &question, sizeof question, MSG_DONTWAIT) < 0) return false;
  const auto count = ::recv(netlink_.get(), answer, sizeof answer, MSG_DONTWAIT);
  nlmsghdr header{};
  if (count < static_cast<ssize_t>(sizeof header)) return false;
  std::memcpy(&header, answer, sizeof header);
  inet_diag_msg found{};
  if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY || count < static_cast<ssize_t>(NLMSG_HDRLEN + sizeof found))
    return false;
  std::memcpy(&found, answer + NLMSG_HDRLEN, sizeof found);
  return found.idiag_state != kListen && found.idiag_state != kTimeWait;
}

}  // namespace sluice::cluster::tcp
