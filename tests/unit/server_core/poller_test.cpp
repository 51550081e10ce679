#include "server/poller.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace sluice::server {
namespace {

namespace asio = boost::asio;
using Until = Socket::Until;
using Told = Socket::Told;

/// A socket of ours, and the plain descriptor of its peer.
class Pair {
 public:
  explicit Pair(Poller& poller, asio::io_context& io) : io_(io) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0) std::abort();
    socket = std::make_unique<Socket>(poller, ends[0]);
    peer_ = ends[1];
  }
  /// Whoever waits has to go on before the socket goes.
  ~Pair() {
    socket->close();
    while (io_.poll() > 0) continue;
    hang_up();
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  void say(char what) const { EXPECT_EQ(::send(peer_, &what, 1, 0), 1); }
  void end_sending() const { ::shutdown(peer_, SHUT_WR); }
  void hang_up() {
    if (peer_ >= 0) ::close(std::exchange(peer_, -1));
  }
  std::size_t hear() const {
    std::array<char, 65536> buffer;
    std::size_t all = 0;
    for (ssize_t n = 0; (n = ::recv(peer_, buffer.data(), buffer.size(), 0)) > 0;)
      all += static_cast<std::size_t>(n);
    return all;
  }
  /// What recv(2) says: the bytes, "end", "nothing" or "error".
  std::string receive() const {
    std::array<char, 64> buffer;
    const ssize_t n = ::recv(socket->fd(), buffer.data(), buffer.size(), 0);
    if (n > 0) return {buffer.data(), static_cast<std::size_t>(n)};
    if (n == 0) return "end";
    return errno == EAGAIN ? "nothing" : "error";
  }

  std::unique_ptr<Socket> socket;

 private:
  asio::io_context& io_;
  int peer_ = -1;
};

class PollerTest : public testing::Test {
 protected:
  PollerTest() { asio::co_spawn(io_, poller_.run(), asio::detached); }
  ~PollerTest() override {
    poller_.stop();
    io_.poll();
  }

  /// Begins a wait; what becomes of it is in the result: "" while it goes on.
  std::shared_ptr<std::string> wait(Pair& pair, Until until = Until::readable,
                                    Told told = Told::nothing_since) {
    auto outcome = std::make_shared<std::string>();
    asio::co_spawn(
        io_,
        [&socket = *pair.socket, until, told, outcome]() -> Task<void> {
          *outcome = co_await socket.wait(until, told) ? "ready" : "cancelled";
        },
        asio::detached);
    settle();
    return outcome;
  }
  /// Until nothing more happens by itself: what is on its way in a socket pair has arrived.
  void settle() {
    while (io_.poll() > 0) continue;
  }

  asio::io_context io_{1};
  Poller poller_{io_.get_executor()};
};

TEST_F(PollerTest, TellsWhoWaits) {
  Pair pair(poller_, io_);
  const auto outcome = wait(pair);
  EXPECT_EQ(*outcome, "");
  const auto before = Monotonic::now();
  pair.say('x');
  settle();
  EXPECT_EQ(*outcome, "ready");
  EXPECT_GE(pair.socket->told_at(), before);
  EXPECT_LE(pair.socket->told_at(), Monotonic::now());
  EXPECT_EQ(pair.receive(), "x");
}

TEST_F(PollerTest, RemembersWhatItToldNobody) {
  Pair pair(poller_, io_);
  pair.say('x');
  settle();
  EXPECT_EQ(*wait(pair, Until::readable, Told::counts), "ready");
}

TEST_F(PollerTest, ForgetsWhatHasBeenReadMeanwhile) {
  Pair pair(poller_, io_);
  pair.say('x');
  settle();
  EXPECT_EQ(pair.receive(), "x");
  EXPECT_EQ(pair.receive(), "nothing");
  const auto outcome = wait(pair);
  EXPECT_EQ(*outcome, "");
  pair.say('y');
  settle();
  EXPECT_EQ(*outcome, "ready");
}

TEST_F(PollerTest, TellsOfMoreWhileSomethingIsLeft) {
  Pair pair(poller_, io_);
  pair.say('x');
  EXPECT_EQ(*wait(pair, Until::readable, Told::counts), "ready");
  const auto outcome = wait(pair);  // 'x' has not been read
  EXPECT_EQ(*outcome, "");
  pair.say('y');
  settle();
  EXPECT_EQ(*outcome, "ready");
}

TEST_F(PollerTest, TheEndIsToldAgainAndAgain) {
  Pair pair(poller_, io_);
  pair.say('x');
  pair.end_sending();
  EXPECT_EQ(*wait(pair), "ready");
  EXPECT_EQ(pair.receive(), "x");
  EXPECT_EQ(*wait(pair), "ready");
  EXPECT_EQ(pair.receive(), "end");
  EXPECT_EQ(*wait(pair), "ready");
}

TEST_F(PollerTest, TheEndOfThePeersStreamIsNotRoomToWrite) {
  Pair pair(poller_, io_);
  const std::string much(1 << 20, 'x');
  while (::send(pair.socket->fd(), much.data(), much.size(), MSG_NOSIGNAL) > 0) continue;
  pair.end_sending();
  const auto outcome = wait(pair, Until::writable);
  EXPECT_EQ(*outcome, "");
  EXPECT_GT(pair.hear(), 0U);
  settle();
  EXPECT_EQ(*outcome, "ready");
}

TEST_F(PollerTest, TellsOfRoomEachTime) {
  Pair pair(poller_, io_);
  const std::string much(1 << 20, 'x');
  for (int round = 0; round < 3; ++round) {
    while (::send(pair.socket->fd(), much.data(), much.size(), MSG_NOSIGNAL) > 0) continue;
    const auto outcome = wait(pair, Until::writable);
    EXPECT_EQ(*outcome, "") << round;
    EXPECT_GT(pair.hear(), 0U);
    settle();
    EXPECT_EQ(*outcome, "ready") << round;
  }
}

TEST_F(PollerTest, APeerThatIsGoneEndsEveryWait) {
  Pair reading(poller_, io_), writing(poller_, io_);
  const std::string much(1 << 20, 'x');
  while (::send(writing.socket->fd(), much.data(), much.size(), MSG_NOSIGNAL) > 0) continue;
  const auto read = wait(reading), written = wait(writing, Until::writable);
  reading.hang_up();
  writing.hang_up();
  settle();
  EXPECT_EQ(*read, "ready");
  EXPECT_EQ(*written, "ready");
}

TEST_F(PollerTest, AWaitCanBeCancelled) {
  Pair pair(poller_, io_);
  const auto outcome = wait(pair);
  pair.socket->cancel();
  settle();
  EXPECT_EQ(*outcome, "cancelled");
  pair.socket->cancel();  // nobody waits
  const auto again = wait(pair);
  pair.say('x');
  settle();
  EXPECT_EQ(*again, "ready");
}

TEST_F(PollerTest, CancellingReachesAlsoWhoHasBeenToldAndNotGoneOn) {
  Pair pair(poller_, io_);
  const auto outcome = wait(pair);
  pair.say('x');
  while (pair.socket->told_at() == Monotonic::time_point::max()) io_.poll_one();
  ASSERT_EQ(*outcome, "");
  pair.socket->cancel();
  settle();
  EXPECT_EQ(*outcome, "cancelled");
  EXPECT_EQ(*wait(pair, Until::readable, Told::counts), "ready");  // what was told is not forgotten
}

TEST_F(PollerTest, ClosingEndsTheWait) {
  Pair pair(poller_, io_);
  const auto outcome = wait(pair);
  pair.socket->close();
  settle();
  EXPECT_EQ(*outcome, "cancelled");
}

TEST_F(PollerTest, WhatCantBeWatchedIsNotWaitedFor) {
  poller_.stop();
  Pair pair(poller_, io_);
  EXPECT_EQ(*wait(pair), "cancelled");
}

TEST_F(PollerTest, ManyAtATime) {
  std::vector<std::unique_ptr<Pair>> pairs;
  std::vector<std::shared_ptr<std::string>> outcomes;
  for (int i = 0; i < 300; ++i) {
    pairs.push_back(std::make_unique<Pair>(poller_, io_));
    outcomes.push_back(wait(*pairs.back()));
  }
  for (int round = 0; round < 2; ++round) {
    for (const auto& pair : pairs) pair->say('x');
    settle();
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      EXPECT_EQ(*outcomes[i], "ready");
      EXPECT_EQ(pairs[i]->receive(), "x");
      outcomes[i] = wait(*pairs[i]);
      EXPECT_EQ(*outcomes[i], "");
    }
  }
}

}  // namespace
}  // namespace sluice::server
