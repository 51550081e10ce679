#include "cluster/parcel.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>

#include <gtest/gtest.h>

namespace sluice::cluster {
namespace {

using namespace std::chrono_literals;

std::size_t descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

struct Ends {
  std::pair<ParcelSocket, ParcelSocket> pair = make_parcel_sockets();
  ParcelSocket &here = pair.first, &there = pair.second;
};

Parcel received(ParcelSocket& socket) {
  auto parcel = socket.receive(5s);
  EXPECT_TRUE(parcel && *parcel);
  return std::move(**parcel);
}

TEST(Parcel, ArrivesAsItWasSent) {
  Ends ends;
  const std::string text(ParcelSocket::kBodyMax, 'x');
  EXPECT_FALSE(ends.here.send(text_parcel(Parcel::Type::state, 1234567890123, text), 1s));
  const Parcel parcel = received(ends.there);
  EXPECT_EQ(parcel.type, Parcel::Type::state);
  EXPECT_EQ(parcel.id, 1234567890123U);
  EXPECT_EQ(parcel.text(), text);
  EXPECT_EQ(parcel.fd, -1);
}

TEST(Parcel, BringsADescriptorAlong) {
  Ends ends;
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  EXPECT_FALSE(ends.here.send(text_parcel(Parcel::Type::listener, 0, "server.listen x", pipe[1]), 1s));
  ::close(pipe[1]);
  const Parcel parcel = received(ends.there);
  ASSERT_GE(parcel.fd, 0);
  EXPECT_NE(::fcntl(parcel.fd, F_GETFD) & FD_CLOEXEC, 0) << "no child gets it by chance";
  EXPECT_EQ(::write(parcel.fd, "x", 1), 1);
  char byte = 0;
  EXPECT_EQ(::read(pipe[0], &byte, 1), 1);
  ::close(parcel.fd);
  ::close(pipe[0]);
}

TEST(Parcel, SilenceIsNoError) {
  Ends ends;
  const auto nothing = ends.here.receive(0ms);
  ASSERT_TRUE(nothing);
  EXPECT_FALSE(*nothing);
}

TEST(Parcel, AnEndThatIsGoneIsNoticed) {
  Ends ends;
  ::close(ends.there.release());
  EXPECT_EQ(ends.here.receive(5s).error(), ParcelError::ended);
  EXPECT_EQ(ends.here.send({}, 1s), ParcelError::ended);
}

TEST(Parcel, WhoDoesNotReadIsNotWaitedForForEver) {
  Ends ends;
  Parcel parcel{.type = Parcel::Type::state};
  parcel.body.resize(64 * 1024);
  boost::system::error_code error;
  for (int i = 0; i < 1000 && !error; ++i) error = ends.here.send(parcel, 1ms);
  EXPECT_EQ(error, ParcelError::too_slow);
}

TEST(Parcel, WhatIsNoneIsDroppedWithItsDescriptors) {
  Ends ends;
  const auto before = descriptors();
  const auto send = [&](std::string bytes, std::size_t fds) {
    iovec part{bytes.data(), bytes.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (fds > 0) {
      message.msg_control = control;
      message.msg_controllen = CMSG_SPACE(fds * sizeof(int));
      cmsghdr* const header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(fds * sizeof(int));
      for (std::size_t i = 0; i < fds; ++i) reinterpret_cast<int*>(CMSG_DATA(header))[i] = STDERR_FILENO;
    }
    EXPECT_GE(::sendmsg(ends.here.fd(), &message, 0), 0);
    EXPECT_EQ(ends.there.receive(5s).error(), ParcelError::malformed);
  };
  send(std::string("\x01short", 6), 1);
  send(std::string(9, '\0'), 1);
  send("\x63" + std::string(8, '\0'), 0);
  send("\x01" + std::string(8, '\0'), 2);
  send("\x01" + std::string(8 + ParcelSocket::kBodyMax + 1, 'x'), 1);
  EXPECT_EQ(descriptors(), before);
}

}  // namespace
}  // namespace sluice::cluster
