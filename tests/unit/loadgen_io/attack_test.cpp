#include "loadgen/io/attack.hpp"

#include <sys/socket.h>

#include <csignal>
#include <functional>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/loadgen_io/blocking_server.hpp"

namespace sluice::loadgen {
namespace {

using namespace std::chrono_literals;

std::uint64_t ended(const AttackTally& tally) {
  return tally.handshakes + tally.answered + tally.alert + tally.rst + tally.fin + tally.held + tally.failed;
}

/// Looks every millisecond whether something has come true, and then ends the loop.
class Until final : public Timer {
 public:
  Until(Loop& loop, std::function<bool()> holds) : loop_(loop), holds_(std::move(holds)) {
    loop_.arm(*this, Monotonic::now());
  }
  bool given_up() const noexcept { return given_up_; }

 private:
  void on_expired() override {
    given_up_ = Monotonic::now() > give_up_at_;
    if (given_up_ || holds_()) return loop_.stop();
    loop_.arm(*this, Monotonic::now() + 1ms);
  }

  Loop& loop_;
  std::function<bool()> holds_;
  Monotonic::time_point give_up_at_ = Monotonic::now() + 60s;
  bool given_up_ = false;
};

struct Attacked {
  AttackTally tally;
  ConnectionTally connections;
  std::vector<SeenConnection> seen;
};

struct Plan {
  AttackKind kind{};
  TlsOptions::Version version = TlsOptions::Version::any;
  double timeout_s = 30;
  unsigned ends = 5;  ///< Goes on until so many connections came to something.
};

/// An attack at 100 connections a second; until `enough` holds.
Attacked attack(const Plan& plan, BlockingServer::Handler handler,
                const std::function<bool(const AttackTally&, BlockingServer&)>& enough) {
  std::signal(SIGPIPE, SIG_IGN);
  BlockingServer server(std::move(handler));
  Options options;
  options.target = {.host = "127.0.0.1", .port = server.port(), .authority = ""};
  options.tls.version = plan.version;
  options.timeout_s = plan.timeout_s;
  const Address address = resolve(options.target);
  Sources sources({}, address, 0);
  Tally tally;
  Loop loop;
  AttackDriver driver(loop, options, {.kind = plan.kind, .rate = 100}, address, sources, tally, 0, 1);
  const AttackTally& counts = tally.attacks[at(plan.kind)];
  driver.start(Monotonic::now());
  const Until until(loop, [&] { return enough(counts, server); });
  loop.run();
  EXPECT_FALSE(until.given_up()) << "what the test waits for did not come";
  driver.stop();
  EXPECT_EQ(counts.started, ended(counts));
  return {counts, tally.connections, server.stop()};
}

Attacked attack(const Plan& plan, BlockingServer::Handler handler) {
  return attack(plan, std::move(handler), [&plan](const AttackTally& tally, BlockingServer& server) {
    return ended(tally) >= plan.ends && server.served() > plan.ends;
  });
}

/// Those whose hello had come before the end of the test cut them off.
std::vector<SeenConnection> with_hello(std::vector<SeenConnection> seen) {
  std::erase_if(seen, [](const auto& connection) { return connection.hello.empty(); });
  EXPECT_GE(seen.size(), 3U);
  return seen;
}

/// Without the attacker's own honest handshake.
std::vector<SeenConnection> hostile(Attacked& attacked) {
  EXPECT_FALSE(attacked.seen.empty());
  EXPECT_TRUE(attacked.seen.at(0).finished);
  EXPECT_FALSE(attacked.seen.at(0).ticket_status);
  EXPECT_EQ(attacked.connections.attempted, 1U);
  EXPECT_EQ(attacked.connections.established, 1U);
  EXPECT_EQ(attacked.connections.handshakes_full, 1U);
  attacked.seen.erase(attacked.seen.begin());
  return with_hello(attacked.seen);
}

TEST(RandomSessionId, OffersIdsThatNobodyIssued) {
  const auto attacked = attack({.kind = AttackKind::random_session_id}, TlsServer(TLS1_3_VERSION));
  std::set<std::string> ids;
  const auto hellos = with_hello(attacked.seen);
  for (const auto& seen : hellos) {
    EXPECT_EQ(seen.session_id.size(), 32U);
    EXPECT_FALSE(seen.resumed);
    ids.insert(seen.session_id);
  }
  EXPECT_EQ(ids.size(), hellos.size());
  EXPECT_GE(attacked.tally.handshakes, 5U);
  EXPECT_EQ(attacked.tally.resumed, 0U);
  EXPECT_EQ(attacked.connections.attempted, 0U);
}

class WithTicket : public testing::TestWithParam<TlsOptions::Version> {
 protected:
  static bool tls13() { return GetParam() == TlsOptions::Version::v13; }
};
INSTANTIATE_TEST_SUITE_P(Attack, WithTicket,
                         testing::Values(TlsOptions::Version::v12, TlsOptions::Version::v13),
                         [](const auto& test) {
                           return test.param == TlsOptions::Version::v12 ? "Tls12" : "Tls13";
                         });

TEST_P(WithTicket, ForgedTicketHasTheRightKeyNameAndAWrongMac) {
  auto attacked =
      attack({.kind = AttackKind::forged_ticket, .version = GetParam()}, TlsServer(TLS1_3_VERSION));
  for (const auto& seen : hostile(attacked)) {
    EXPECT_EQ(seen.ticket_status, SSL_TICKET_NO_DECRYPT);
    EXPECT_TRUE(seen.ticket_key_known);
    EXPECT_FALSE(seen.resumed);
  }
  EXPECT_GE(attacked.tally.handshakes, 5U);
  EXPECT_EQ(attacked.tally.resumed, 0U);
}

TEST_P(WithTicket, SharedTicketResumesAgainAndAgain) {
  auto attacked =
      attack({.kind = AttackKind::shared_ticket, .version = GetParam()}, TlsServer(TLS1_3_VERSION));
  for (const auto& seen : hostile(attacked)) {
    EXPECT_TRUE(seen.ticket_status == SSL_TICKET_SUCCESS || seen.ticket_status == SSL_TICKET_SUCCESS_RENEW);
    EXPECT_TRUE(seen.resumed || !seen.finished);
  }
  EXPECT_GE(attacked.tally.resumed, 5U);
  EXPECT_EQ(attacked.tally.resumed, attacked.tally.handshakes);
}

TEST_P(WithTicket, ReplayedHelloIsTheSameToTheByteAndNeverFinished) {
  auto attacked =
      attack({.kind = AttackKind::replay_hello, .version = GetParam()}, TlsServer(TLS1_3_VERSION));
  const auto seen = hostile(attacked);
  for (const auto& connection : seen) {
    EXPECT_EQ(connection.hello, seen[0].hello);
    EXPECT_TRUE(connection.ticket_status == SSL_TICKET_SUCCESS ||
                connection.ticket_status == SSL_TICKET_SUCCESS_RENEW);
    EXPECT_FALSE(connection.finished);
    EXPECT_EQ(connection.bytes, connection.hello.size() + 5);  // its record's header
  }
  EXPECT_GE(attacked.tally.answered, 5U);
}

TEST(WrongBinder, IsRefusedByAnAlert) {
  auto attacked = attack({.kind = AttackKind::wrong_binder}, TlsServer(TLS1_3_VERSION));
  for (const auto& seen : hostile(attacked)) {
    EXPECT_EQ(seen.ticket_status, SSL_TICKET_SUCCESS_RENEW);
    EXPECT_EQ(seen.alert, SSL_AD_ILLEGAL_PARAMETER);
  }
  EXPECT_GE(attacked.tally.alert, 5U);
  EXPECT_EQ(attacked.tally.handshakes, 0U);
}

TEST(WrongBinder, FailsWithoutATicketToMisuse) {
  const auto attacked = attack({.kind = AttackKind::wrong_binder}, TlsServer(TLS1_2_VERSION),
                               [](const AttackTally& tally, BlockingServer&) { return tally.failed >= 5; });
  EXPECT_EQ(attacked.tally.failed, attacked.tally.started);
  EXPECT_GE(attacked.connections.handshakes_failed, 1U);
}

TEST(SilentAfterHello, SendsNothingMoreAndHolds) {
  const auto attacked = attack({.kind = AttackKind::silent_after_hello, .timeout_s = 0.1, .ends = 3},
                               TlsServer(TLS1_3_VERSION));
  for (const auto& seen : attacked.seen) {
    EXPECT_FALSE(seen.finished);
    EXPECT_EQ(seen.bytes, seen.hello.empty() ? 0 : seen.hello.size() + 5);
  }
  EXPECT_GE(attacked.tally.answered, 2U);
}

TEST(SlowHello, ComesByteByByte) {
  const auto attacked = attack({.kind = AttackKind::slow_hello, .timeout_s = 1, .ends = 1}, record_pieces);
  const auto& first = attacked.seen.at(0);
  ASSERT_GE(first.pieces.size(), 4U);
  EXPECT_EQ(first.pieces[0], 1U);
  EXPECT_LT(first.bytes, 20U);  // a busy machine may join some
  EXPECT_EQ(first.hello[0], 22);
  EXPECT_GE(attacked.tally.held, 1U);
}

struct EndCase {
  const char* name;
  BlockingServer::Handler server;
  std::uint64_t AttackTally::*counted;
};
class Outcome : public testing::TestWithParam<std::tuple<AttackKind, EndCase>> {};

TEST_P(Outcome, IsCountedByWhatTheServerDid) {
  const auto& [kind, end] = GetParam();
  const auto attacked =
      attack({.kind = kind, .timeout_s = 0.2, .ends = 3}, end.server,
             [&end = end](const AttackTally& tally, BlockingServer&) { return tally.*end.counted >= 3; });
  EXPECT_EQ(attacked.tally.handshakes, 0U);
}

void answer(int socket, std::string_view bytes) {
  await_record(socket);
  ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  char byte = 0;
  ::shutdown(socket, SHUT_WR);
  ::recv(socket, &byte, 1, 0);
}

// TLS 1.2 hellos: these servers' few bytes mean the same to all versions.
INSTANTIATE_TEST_SUITE_P(
    Attack, Outcome,
    testing::Combine(
        testing::Values(AttackKind::random_session_id, AttackKind::silent_after_hello),
        testing::Values(
            EndCase{"Alert",
                    [](int socket, auto&) {
                      answer(socket, {"\x15\x03\x03\x00\x02\x02\x50", 7});
                    },
                    &AttackTally::alert},
            EndCase{"AlertBehindAWarning",
                    [](int socket, auto&) {
                      answer(socket, {"\x15\x03\x03\x00\x02\x01\x70\x15\x03\x03\x00\x02\x02\x50", 14});
                    },
                    &AttackTally::alert},
            EndCase{"Reset",
                    [](int socket, auto&) {
                      await_record(socket);
                      reset_on_close(socket);
                    },
                    &AttackTally::rst},
            EndCase{"Close", [](int socket, auto&) { await_record(socket); }, &AttackTally::fin},
            EndCase{"Silence", record_pieces, &AttackTally::held})),
    [](const auto& test) {
      return std::string(std::get<0>(test.param) == AttackKind::random_session_id ? "OfTls" : "OfBytes") +
             std::get<1>(test.param).name;
    });

TEST(Attack, FailsWhereNobodyListens) {
  std::signal(SIGPIPE, SIG_IGN);
  std::uint16_t port = 0;
  {
    BlockingServer gone(record_pieces);
    port = gone.port();
  }
  Options options;
  options.target = {.host = "127.0.0.1", .port = port, .authority = ""};
  const Address address = resolve(options.target);
  Sources sources({}, address, 0);
  Tally tally;
  Loop loop;
  AttackDriver driver(loop, options, {.kind = AttackKind::shared_ticket, .rate = 100}, address, sources,
                      tally, 0, 1);
  const AttackTally& counts = tally.attacks[at(AttackKind::shared_ticket)];
  driver.start(Monotonic::now());
  const Until until(loop, [&] { return counts.failed >= 3; });
  loop.run();
  EXPECT_EQ(counts.started, counts.failed);
  EXPECT_EQ(tally.connections.handshakes_full, 0U);
}

TEST(Attack, IsSharedEvenlyByTheThreads) {
  BlockingServer server(record_pieces);
  Options options;
  options.target = {.host = "127.0.0.1", .port = server.port(), .authority = ""};
  options.timeout_s = 1;
  const Address address = resolve(options.target);
  Sources sources({}, address, 0);
  Tally tally;
  Loop loop;
  // The run began half a second ago: of 100/s, each of two threads owes 25 connections, and begins 5 at once.
  const Attack slow{.kind = AttackKind::slow_hello, .rate = 100};
  AttackDriver second(loop, options, slow, address, sources, tally, 1, 2);
  const AttackTally& counts = tally.attacks[at(AttackKind::slow_hello)];
  second.start(Monotonic::now() - 495ms);
  std::uint64_t first_pass = 0;
  const Until until(loop, [&] {
    if (first_pass == 0) first_pass = counts.started;
    return counts.started >= 25;
  });
  loop.run();
  EXPECT_EQ(first_pass, 5U);  // 100 ms' worth
  second.stop();
  EXPECT_EQ(counts.started, counts.held + counts.failed);
}

}  // namespace
}  // namespace sluice::loadgen
