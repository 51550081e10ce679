#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loadgen/error.hpp"
#include "loadgen/run_options.hpp"

namespace sluice::loadgen {
namespace {

RunWords words_with(void (*change)(RunWords&)) {
  RunWords words;
  words.target = "https://127.0.0.1:8443";
  words.rate = 10;
  change(words);
  return words;
}

struct TargetCase {
  const char* name;
  const char* url;
  const char* host;
  std::uint16_t port;
  const char* authority;
};
class TargetText : public testing::TestWithParam<TargetCase> {};

TEST_P(TargetText, IsTakenApart) {
  const Target target = Target::parse(GetParam().url);
  EXPECT_EQ(target.host, GetParam().host);
  EXPECT_EQ(target.port, GetParam().port);
  EXPECT_EQ(target.authority, GetParam().authority);
}
INSTANTIATE_TEST_SUITE_P(
    Options, TargetText,
    testing::Values(TargetCase{"Address", "https://127.0.0.1:8443", "127.0.0.1", 8443, "127.0.0.1:8443"},
                    TargetCase{"Name", "https://shop.example/", "shop.example", 443, "shop.example"},
                    TargetCase{"DefaultPortIsNotSaid", "https://a.example:443/", "a.example", 443,
                               "a.example"},
                    TargetCase{"IPv6", "https://[::1]:8443/", "::1", 8443, "[::1]:8443"}),
    [](const auto& test) { return std::string(test.param.name); });

struct BadCase {
  const char* name;
  void (*change)(RunWords&);
  const char* says;
};
class BadWords : public testing::TestWithParam<BadCase> {};

TEST_P(BadWords, AreRefusedWithASentence) {
  try {
    options_from(words_with(GetParam().change));
    FAIL() << "accepted";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr(GetParam().says));
    EXPECT_THAT(error.what(), testing::EndsWith("."));
  }
}
INSTANTIATE_TEST_SUITE_P(
    Options, BadWords,
    testing::Values(
        BadCase{"PlainHttp", [](RunWords& w) { w.target = "http://127.0.0.1"; }, "is not https"},
        BadCase{"NoUrl", [](RunWords& w) { w.target = "127.0.0.1:8443"; }, "is not a URL"},
        BadCase{"NoLoad", [](RunWords& w) { w.rate.reset(); }, "say how many"},
        BadCase{"NegativeRate", [](RunWords& w) { w.rate = -1; }, "--rate -1"},
        BadCase{"TwoLoads", [](RunWords& w) { w.profile = "step 1/1s"; }, "take one"},
        BadCase{"OpenAndClosed", [](RunWords& w) { w.users = 3; }, "closed loop"},
        BadCase{"WarmupOverAll", [](RunWords& w) { w.warmup = "60s"; }, "leaves nothing"},
        BadCase{"NoDuration", [](RunWords& w) { w.duration = "soon"; }, "--duration soon"},
        BadCase{"OldTls", [](RunWords& w) { w.tls = "1.1"; }, "1.2 and 1.3"},
        BadCase{"SessionIdsInTls13", [](RunWords& w) { w.tls = "1.3", w.resume = "session-id"; },
                "TLS 1.2's"},
        BadCase{"RatioOverOne", [](RunWords& w) { w.resume = "ratio:1.5"; }, "from 0 to 1"},
        BadCase{"UnknownResume", [](RunWords& w) { w.resume = "often"; }, "none of per-user"},
        BadCase{"UnknownAttack", [](RunWords& w) { w.attacks = {"ddos:1/s"}; }, "the kinds are"},
        BadCase{"AttackWithoutRate", [](RunWords& w) { w.attacks = {"forged-ticket"}; }, "a kind and a rate"},
        BadCase{"AttackersFromNowhere", [](RunWords& w) { w.attack_sources = {"127.66.6.1"}; },
                "there is no --attack"},
        BadCase{"UnknownRetry", [](RunWords& w) { w.retry = "wget"; }, "none, browser, curl and urllib3"},
        BadCase{"PathWithoutSlash", [](RunWords& w) { w.paths = {"x"}; }, "is not a path"},
        BadCase{"PathAndHandshakes", [](RunWords& w) { w.paths = {"/"}, w.handshakes = true; },
                "takes no --path"},
        BadCase{"ModelOfHandshakes", [](RunWords& w) { w.model = "browse", w.handshakes = true; },
                "describes sessions"},
        BadCase{"NoRate", [](RunWords& w) { w.rate = 0; }, "--rate 0"},
        BadCase{"TargetWithPath", [](RunWords& w) { w.target = "https://h/x"; }, "--path"},
        BadCase{"PortOutOfRange", [](RunWords& w) { w.target = "https://h:99999"; }, "no usable port"},
        BadCase{"ImagesOfHandshakes", [](RunWords& w) { w.images = true, w.handshakes = true; }, "--images"},
        BadCase{"ImagesOfPaths", [](RunWords& w) { w.images = true, w.paths = {"/"}; }, "--images"},
        BadCase{"ThinkOfHandshakes", [](RunWords& w) { w.think = "0", w.handshakes = true; }, "--think"},
        BadCase{"ThinkAtARate", [](RunWords& w) { w.think = "0", w.paths = {"/"}; }, "--think"},
        BadCase{"ConnectionsOfSessions", [](RunWords& w) { w.rate.reset(), w.connections = 5; }, "--users"},
        BadCase{"HeaderOfHandshakes", [](RunWords& w) { w.headers = {"a: b"}, w.handshakes = true; },
                "--header"},
        BadCase{"HeaderInjection", [](RunWords& w) { w.headers = {"a: b\r\nc: d"}; }, "is not a field"},
        BadCase{"UnknownArrivals", [](RunWords& w) { w.arrivals = "uniform"; }, "poisson and deterministic"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Options, SessionIdsMeanTls12) {
  const Options options = options_from(words_with([](RunWords& w) { w.resume = "session-id"; }));
  EXPECT_EQ(options.tls.version, TlsOptions::Version::v12);
}

TEST(Options, RunLastsAsLongAsItsProfile) {
  const Options options = options_from(
      words_with([](RunWords& w) { w.rate.reset(), w.profile = "step 10/20s, ramp 10..20/10s"; }));
  EXPECT_DOUBLE_EQ(options.duration_s, 30);
}

TEST(Options, PathsMakeAClosedLoopOfConnections) {
  const Options options = options_from(words_with([](RunWords& w) { w.rate.reset(), w.paths = {"/"}; }));
  EXPECT_EQ(options.mode, Mode::requests);
  EXPECT_EQ(options.users, 32U);
  EXPECT_FALSE(options.open_loop());
}

}  // namespace
}  // namespace sluice::loadgen
