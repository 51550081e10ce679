#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <latch>
#include <vector>

#include "apps/auction/web/credential_cache.hpp"
#include "apps/auction/web/login_limiter.hpp"
#include "apps/auction/web/password_pool.hpp"
#include "apps/auction/web/secrets.hpp"
#include "base/bytes.hpp"

namespace sluice::auction::web {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;

constexpr PasswordCost kCheap = kCostMin;
const Monotonic::time_point kStart{std::chrono::hours{1000}};

// --- secrets.hpp
// ---------------------------------------------------------------------------------------------------

TEST(Base64, IsWhatRfc4648Says) {
  EXPECT_EQ(base64("fooba"), "Zm9vYmE");
  EXPECT_EQ(base64("\xff\xef"), "/+8");
  EXPECT_EQ(base64url("\xff\xef"), "_-8");
  EXPECT_EQ(from_base64("Zm9vYmE"), "fooba");
  EXPECT_EQ(from_base64(""), "");
  for (const char* text : {"Z", "Zm9vYmF", "Zm9vYmE=", "Zm 9", "_-8"})
    EXPECT_FALSE(from_base64(text)) << text;
}

TEST(Sha256, IsWhatFips180Says) {
  EXPECT_EQ(to_hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(RandomBytes, Differ) { EXPECT_NE(random_bytes(32), random_bytes(32)); }

// --- password.hpp
// --------------------------------------------------------------------------------------------------

TEST(Password, IsFoundAgain) {
  const std::string stored = hash_password("secret", kCheap);
  EXPECT_TRUE(stored.starts_with("$argon2id$v=19$m=8,t=1,p=1$"));
  EXPECT_TRUE(verify_password("secret", stored));
  EXPECT_FALSE(verify_password("Secret", stored));
  EXPECT_FALSE(verify_password("", stored));
  EXPECT_NE(hash_password("secret", kCheap), stored) << "salted";
}

// What the reference implementation's command says: echo -n password | argon2 somesalt -id -t 2 -k 256 -p 1
// -l 32
TEST(Password, IsArgon2id) {
  EXPECT_TRUE(verify_password(
      "password", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"));
}

TEST(Password, OfAForeignOrGreedyHashIsWrong) {
  const std::string prefix = "$argon2id$v=19$m=8,t=1,p=1$";
  const std::string stored = hash_password("x", kCheap);
  ASSERT_TRUE(stored.starts_with(prefix));
  const std::string tail = stored.substr(prefix.size());
  for (const char* wrong :
       {"$argon2id$v=19$m=7,t=1,p=1$", "$argon2id$v=19$m=262145,t=1,p=1$", "$argon2id$v=19$m=8,t=0,p=1$",
        "$argon2id$v=19$m=8,t=33,p=1$", "$argon2id$v=19$m=8,t=1,p=2$", "$argon2id$v=16$m=8,t=1,p=1$",
        "$argon2i$v=19$m=8,t=1,p=1$", "$argon2id$v=19$m=99999999,t=1,p=1$", "$argon2id$v=19$m=8,t=1$"})
    EXPECT_FALSE(verify_password("x", wrong + tail)) << wrong;
  for (const std::string& wrong :
       {std::string{}, std::string{"x"}, prefix + tail + "A", prefix + tail.substr(0, 10)})
    EXPECT_FALSE(verify_password("x", wrong)) << wrong;
  EXPECT_TRUE(verify_password("x", prefix + tail));
}

TEST(Password, TellsItsCost) {
  EXPECT_EQ(cost_of(hash_password("x", kCheap)), kCheap);
  EXPECT_FALSE(cost_of("$2b$10$x"));
}

// --- password_pool.hpp
// ---------------------------------------------------------------------------------------------

TEST(PasswordPool, RefusesAnUnacceptableCost) {
  EXPECT_THROW(PasswordPool({.cost = {.memory_kib = 1 << 30, .passes = 1}}), std::invalid_argument);
}

TEST(PasswordPool, HashesOnItsThreadsAndResumesOnTheProcessor) {
  PasswordPool pool{{.threads = 2, .queue_max = 10, .cost = {.memory_kib = 64, .passes = 1}}};
  boost::asio::io_context io;
  const auto here = std::this_thread::get_id();
  int right = 0;
  for (int i = 0; i < 8; ++i) {
    const auto round = [&]() -> Task<void> {
      const auto stored = co_await pool.hash({0, io.get_executor()}, "secret");
      const auto matches = co_await pool.verify({0, io.get_executor()}, "secret", stored.value());
      const auto differs = co_await pool.verify({0, io.get_executor()}, "other", stored.value());
      right += matches.value() && !differs.value() && std::this_thread::get_id() == here ? 1 : 0;
    };
    boost::asio::co_spawn(io, round, boost::asio::detached);
  }
  io.run();
  EXPECT_EQ(right, 8);
}

TEST(PasswordPool, SaysBusyWhenTheQueueIsFull) {
  PasswordPool pool{{.threads = 0, .queue_max = 2, .cost = kCheap}};  // nobody works it off
  boost::asio::io_context io;
  int busy = 0;
  for (int i = 0; i < 5; ++i) {
    const auto once = [&]() -> Task<void> {
      const auto answer = co_await pool.hash({0, io.get_executor()}, "x");
      busy += answer ? 0 : 1;
    };
    boost::asio::co_spawn(io, once, boost::asio::detached);
  }
  io.poll();
  EXPECT_EQ(busy, 3);
  EXPECT_EQ(pool.refused(), 3U);
  pool.forget(io.get_executor());
  io.run();  // nothing keeps it going
  EXPECT_EQ(busy, 3);
}

/// The order in which two jobs are done that wait behind another one.
std::string order_of_two(std::chrono::milliseconds in_order, std::chrono::milliseconds patience) {
  PasswordPool pool{
      {.threads = 1, .cost = {.memory_kib = 65536, .passes = 2}, .in_order = in_order, .patience = patience}};
  boost::asio::io_context io;
  std::string done;
  const auto hash = [&](char name) -> Task<void> {
    static_cast<void>(co_await pool.hash({0, io.get_executor()}, "x"));
    done += name;
  };
  const auto verify = [&](char name) -> Task<void> {
    const std::string stored = hash_password("x", {.memory_kib = 64, .passes = 1});
    static_cast<void>(co_await pool.verify({0, io.get_executor()}, "x", stored));
    done += name;
  };
  boost::asio::co_spawn(io, hash('0'), boost::asio::detached);
  io.poll();
  while (pool.waiting() > 0) std::this_thread::yield();  // it is at work
  boost::asio::co_spawn(io, verify('a'), boost::asio::detached);
  boost::asio::co_spawn(io, verify('b'), boost::asio::detached);
  io.run();
  return done;
}

TEST(PasswordPool, DoesTheNewestFirstWhenMuchWaitsUnlessTheOldestIsLate) {
  using std::chrono::hours, std::chrono::milliseconds;
  EXPECT_EQ(order_of_two(hours{1}, hours{1}), "0ab");
  EXPECT_EQ(order_of_two(milliseconds{0}, hours{1}), "0ba");
  EXPECT_EQ(order_of_two(milliseconds{0}, milliseconds{0}), "0ab");
}

TEST(PasswordPool, TellsWhoWaitsForItsThreads) {
  PasswordPool pool{{.threads = 0, .cost = kCheap}};
  boost::asio::io_context io;
  server::WaitingAside aside;
  for (int i = 0; i < 3; ++i) {
    const auto once = [&]() -> Task<void> {
      static_cast<void>(co_await pool.hash({0, io.get_executor(), &aside}, "x"));
    };
    boost::asio::co_spawn(io, once, boost::asio::detached);
  }
  io.poll();
  EXPECT_EQ(aside.requests, 3U);
  pool.forget(io.get_executor());
  io.run();
  EXPECT_EQ(aside.requests, 0U);
  EXPECT_GT(aside.waited_s, 0);
}

TEST(PasswordPool, VerifiesAQuickHashWithoutTheQueue) {
  PasswordPool pool{{.threads = 0, .queue_max = 0}};  // nobody works, and nothing may wait
  boost::asio::io_context io;
  std::vector<std::optional<bool>> answers;
  const auto ask = [&](std::string password, PasswordCost cost) -> Task<void> {
    answers.push_back(co_await pool.verify({0, io.get_executor()}, password, hash_password("x", cost)));
  };
  boost::asio::co_spawn(io, ask("x", kCheap), boost::asio::detached);
  boost::asio::co_spawn(io, ask("y", kCheap), boost::asio::detached);
  boost::asio::co_spawn(io, ask("x", {.memory_kib = 64, .passes = 1}), boost::asio::detached);
  io.run();
  EXPECT_THAT(answers, ElementsAre(true, false, std::nullopt));
}

TEST(PasswordPool, ForgetsAProcessorThatGoes) {
  PasswordPool pool{{.threads = 1, .queue_max = 100, .cost = {.memory_kib = 1024, .passes = 1}}};
  for (int round = 0; round < 5; ++round) {
    boost::asio::io_context io;
    for (int i = 0; i < 10; ++i) {
      const auto once = [&]() -> Task<void> {
        static_cast<void>(co_await pool.hash({0, io.get_executor()}, "x"));
      };
      boost::asio::co_spawn(io, once, boost::asio::detached);
    }
    io.poll();
    pool.forget(io.get_executor());
  }
  SUCCEED() << "nothing was posted to an io_context that is gone (ASan and TSan would tell)";
}

// --- credential_cache.hpp
// ------------------------------------------------------------------------------------------

TEST(CredentialCache, KnowsExactlyWhatWasVerified) {
  CredentialCache cache;
  cache.remember("ann", "secret", "hash", kStart);
  EXPECT_TRUE(cache.knows("ann", "secret", "hash", kStart));
  EXPECT_FALSE(cache.knows("ann", "secret2", "hash", kStart));
  EXPECT_FALSE(cache.knows("bob", "secret", "hash", kStart));
  EXPECT_FALSE(cache.knows("ann", "secret", "hash of a new password", kStart));
  EXPECT_FALSE(cache.knows("anns", "ecret", "hash", kStart));
}

TEST(CredentialCache, ForgetsAfterAMinute) {
  CredentialCache cache;
  cache.remember("ann", "secret", "hash", kStart);
  EXPECT_TRUE(cache.knows("ann", "secret", "hash", kStart + seconds{59}));
  EXPECT_FALSE(cache.knows("ann", "secret", "hash", kStart + seconds{60}));
  EXPECT_EQ(cache.size(), 0U);
}

TEST(CredentialCache, IsBounded) {
  CredentialCache cache;
  for (std::size_t i = 0; i < CredentialCache::kEntriesMax + 10; ++i) {
    cache.remember("user" + std::to_string(i), "x", "h", kStart);
  }
  EXPECT_EQ(cache.size(), CredentialCache::kEntriesMax);
  EXPECT_FALSE(cache.knows("user0", "x", "h", kStart));
  EXPECT_TRUE(cache.knows("user4100", "x", "h", kStart));
}

// --- login_limiter.hpp
// ---------------------------------------------------------------------------------------------

using Attempt = LoginLimiter::Attempt;

int tries_until_refused(LoginLimiter& limiter, const Attempt& attempt, Monotonic::time_point now) {
  int count = 0;
  while (count < 1000 && !limiter.take(attempt, now)) ++count;
  return count;
}

TEST(LoginLimiter, LetsTenTriesThroughForAnAccount) {
  LoginLimiter limiter;
  EXPECT_EQ(tries_until_refused(limiter, {"ann", "192.0.2.1", {}}, kStart), 10);
  EXPECT_TRUE(limiter.take({"ann", "198.51.100.1", {}}, kStart)) << "from wherever they come";
  EXPECT_FALSE(limiter.take({"bob", "198.51.100.1", {}}, kStart));
  EXPECT_EQ(limiter.refused(LoginLimiter::By::account), 2U);
}

TEST(LoginLimiter, RefillsWithTime) {
  LoginLimiter limiter;
  tries_until_refused(limiter, {"ann", "192.0.2.1", {}}, kStart);
  EXPECT_EQ(limiter.take({"ann", "192.0.2.1", {}}, kStart), seconds{30});
  EXPECT_EQ(tries_until_refused(limiter, {"ann", "192.0.2.1", {}}, kStart + seconds{30}), 1);
}

TEST(LoginLimiter, DoesNotLockTheOwnersBrowserOut) {
  LoginLimiter limiter;
  tries_until_refused(limiter, {"ann", "192.0.2.1", {}}, kStart);
  EXPECT_FALSE(limiter.take({"ann", "198.51.100.1", "her browser"}, kStart));
  EXPECT_EQ(tries_until_refused(limiter, {"ann", "198.51.100.1", "her browser"}, kStart), 9);
}

TEST(LoginLimiter, LetsThirtyTriesThroughForAnAddress) {
  LoginLimiter limiter;
  int count = 0;
  while (count < 1000 && !limiter.take({"user" + std::to_string(count), "2001:db8::1", {}}, kStart)) ++count;
  EXPECT_EQ(count, 30);
  EXPECT_TRUE(limiter.take({"ann", "2001:db8::2:3:4:5", {}}, kStart)) << "the same /64";
  EXPECT_FALSE(limiter.take({"ann", "2001:db8:0:1::1", {}}, kStart));
}

TEST(LoginLimiter, CountsOnlyWrongPasswords) {
  LoginLimiter limiter;
  for (int i = 0; i < 100; ++i) {
    ASSERT_FALSE(limiter.take({"ann", "192.0.2.1", {}}, kStart)) << i;
    limiter.give_back({"ann", "192.0.2.1", {}});
  }
}

}  // namespace
}  // namespace sluice::auction::web
