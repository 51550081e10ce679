#include "server/tls/client_hello.hpp"

#include <algorithm>
#include <ostream>

#include <gtest/gtest.h>

#include "hello_builder.hpp"
#include "openssl_hellos.hpp"

namespace sluice::tls {

/// For messages of failed assertions.
static std::ostream& operator<<(std::ostream& out, const Hello& hello) {
  return out << (hello.claim() == HelloClaim::fresh ? "fresh" : "resuming") << ", session id "
             << to_hex(hello.session_id()) << ", host " << hello.server_name();
}

namespace {

using namespace std::string_literals;

boost::system::result<Hello> classify_text(std::string_view bytes, std::size_t hello_max = kHelloMax) {
  return classify(as_bytes(bytes), hello_max);
}

/// "fresh" or "resuming", or the name of the error.
std::string verdict_of(const boost::system::result<Hello>& result) {
  if (result) return result->claim() == HelloClaim::fresh ? "fresh" : "resuming";
  switch (static_cast<HelloError>(result.error().value())) {
    case HelloError::need_more: return "need_more";
    case HelloError::not_tls: return "not_tls";
    case HelloError::http: return "http";
    case HelloError::malformed: return "malformed";
    case HelloError::too_large: return "too_large";
  }
  return "?";
}

struct HelloCase {
  const char* name;
  std::string bytes;
  std::string expected;
};
std::ostream& operator<<(std::ostream& out, const HelloCase& row) { return out << row.name; }

class Hellos : public testing::TestWithParam<HelloCase> {};

TEST_P(Hellos, AreClassifiedAndNoPrefixSaysOtherwise) {
  const auto& [name, bytes, expected] = GetParam();
  const auto whole = classify_text(bytes);
  EXPECT_EQ(verdict_of(whole), expected);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto prefix = classify_text(std::string_view{bytes}.substr(0, size));
    const bool decided = prefix || prefix.error() != HelloError::need_more;
    ASSERT_TRUE(!decided || prefix == whole)
        << "a prefix of " << size << " bytes says " << verdict_of(prefix);
    ASSERT_TRUE(!decided || !whole) << "a hello can't be complete in a prefix of " << size << " bytes";
  }
  if (expected == "need_more") return;
  EXPECT_EQ(classify_text(bytes + "\x17\x03\x03 whatever follows"), whole);
}

constexpr unsigned kTls13 = 0x0304;
constexpr unsigned kTls12 = 0x0303;

HelloBuilder tls13() { return HelloBuilder{}.add(43, supports({0x7a7a, kTls13, kTls12})); }
HelloBuilder tls12() { return HelloBuilder{}; }
HelloBuilder tls12_with(unsigned type, std::string data) { return tls12().add(type, std::move(data)); }
HelloBuilder with_session_id(HelloBuilder builder) {
  builder.session_id = std::string(32, 's');
  return builder;
}
std::string changed(std::string bytes, std::size_t at, char to) {
  bytes[at] = to;
  return bytes;
}

template <class Change>
HelloBuilder broken(Change change) {
  HelloBuilder builder = tls13();
  change(builder);
  return builder;
}

const auto kName = [](const auto& test) { return std::string{test.param.name}; };

INSTANTIATE_TEST_SUITE_P(
    Claim, Hellos,
    testing::Values(
        HelloCase{"Tls13", tls13().bytes(), "fresh"}, HelloCase{"Tls12", tls12().bytes(), "fresh"},
        HelloCase{"Tls13CompatibilitySessionId", with_session_id(tls13()).bytes(), "fresh"},
        HelloCase{"Tls12SessionId", with_session_id(tls12()).bytes(), "resuming"},
        HelloCase{"Tls12SessionIdAndVersionsBelow13",
                  with_session_id(tls12_with(43, supports({kTls12, 0x0302}))).bytes(), "resuming"},
        HelloCase{"Tls12EmptyTicket", tls12_with(35, "").bytes(), "fresh"},
        HelloCase{"Tls12Ticket", tls12_with(35, "t").bytes(), "resuming"},
        HelloCase{"Tls13OnlyOldTicket", tls13().add(35, "t").bytes(), "fresh"},
        HelloCase{"Tls13Psk", tls13().add(41, psk()).bytes(), "resuming"},
        HelloCase{"Tls13TwoPsks", tls13().add(41, psk(2, 2)).bytes(), "resuming"},
        HelloCase{"Tls12Psk", tls12_with(41, psk()).bytes(), "fresh"},
        HelloCase{"NoExtensions",
                  broken([](auto& b) { b.extensions.clear(), b.with_extensions = false; }).bytes(), "fresh"},
        HelloCase{"EmptyExtensions", tls12().bytes(), "fresh"},
        HelloCase{"UnknownExtensions", tls13().add(0x1234, "abc").add(0xfafa, "").bytes(), "fresh"}),
    kName);

INSTANTIATE_TEST_SUITE_P(
    Records, Hellos,
    testing::Values(
        HelloCase{"OneByteEach", records(tls13().add(41, psk()).message(), 1), "resuming"},
        HelloCase{"ThreeBytesEach", records(tls13().message(), 3), "fresh"},
        HelloCase{"HeaderAlone", records(tls13().message(), 4), "fresh"},
        HelloCase{"MinorVersionIsIgnored", changed(tls13().bytes(), 2, '\x7f'), "fresh"},
        HelloCase{"Nothing", "", "need_more"}, HelloCase{"TypeOnly", "\x16", "need_more"},
        HelloCase{"HeaderOnly", "\x16\x03\x01\x01"s, "need_more"},
        HelloCase{"EmptyFirst", "\x16\x03\x01\0\0"s + tls13().bytes(), "malformed"},
        HelloCase{"EmptyInBetween",
                  records(tls13().message().substr(0, 9)) + "\x16\x03\x01\0\0"s +
                      records(tls13().message().substr(9)),
                  "malformed"},
        HelloCase{"FragmentTooLong", "\x16\x03\x01\x40\x01\x01"s, "malformed"},
        HelloCase{"OtherMajorVersion", changed(tls13().bytes(), 1, '\x02'), "not_tls"},
        HelloCase{"OtherMajorVersionLater", changed(records(tls13().message(), 10), 16, '\x02'), "malformed"},
        HelloCase{"AlertInBetween", records(tls13().message().substr(0, 9)) + "\x15\x03\x01\0\x02\x02\x28"s,
                  "malformed"},
        HelloCase{"ApplicationData", "\x17\x03\x03\0\x01x"s, "not_tls"},
        HelloCase{"Alert", "\x15\x03\x01\0\x02\x02\x28"s, "not_tls"},
        HelloCase{"SslV2", "\x80\x2e\x01\x03\x01\0\x15\0\0\0\x10"s, "not_tls"},
        HelloCase{"Nul", std::string(20, '\0'), "not_tls"},
        HelloCase{"Ssh", "SSH-2.0-OpenSSH_9.2\r\n", "not_tls"},
        HelloCase{"OtherMessage", records("\x02" + tls13().message().substr(1)), "malformed"},
        HelloCase{"HelloRequest", records("\0\0\0\0"s), "malformed"},
        HelloCase{"SomethingBehindTheHello", records(tls13().message() + "x"), "malformed"},
        HelloCase{"TwoHellosInARecord", records(tls13().message() + tls13().message()), "malformed"},
        HelloCase{"SomethingBehindASplitHello",
                  records(tls13().message().substr(0, 20)) + records(tls13().message().substr(20) + "x"),
                  "malformed"},
        HelloCase{"AnnouncesTooMuch", "\x16\x03\x01\x02\0\x01\x01\0\0"s, "too_large"},
        HelloCase{"EmptyHello", records("\x01\0\0\0"s), "malformed"}),
    kName);

INSTANTIATE_TEST_SUITE_P(Http, Hellos,
                         testing::Values(HelloCase{"Get", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "http"},
                                         HelloCase{"Post", "POST /", "http"},
                                         HelloCase{"H2Preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http"},
                                         HelloCase{"Connect", "CONNECT a:1", "http"},
                                         HelloCase{"MethodAlone", "OPTIONS", "need_more"},
                                         HelloCase{"P", "P", "need_more"},
                                         HelloCase{"NearlyAMethod", "GETS /", "not_tls"},
                                         HelloCase{"LowerCase", "get /", "not_tls"}),
                         kName);

INSTANTIATE_TEST_SUITE_P(
    Malformed, Hellos,
    testing::Values(
        HelloCase{"SessionIdTooLong", broken([](auto& b) { b.session_id = std::string(33, 's'); }).bytes(),
                  "malformed"},
        HelloCase{"NoCipherSuites", broken([](auto& b) { b.cipher_suites.clear(); }).bytes(), "malformed"},
        HelloCase{"HalfACipherSuite", broken([](auto& b) { b.cipher_suites += 'x'; }).bytes(), "malformed"},
        HelloCase{"NoCompression", broken([](auto& b) { b.compression.clear(); }).bytes(), "malformed"},
        HelloCase{"CutBeforeRandom", records("\x01" + vec(3, "\x03\x03")), "malformed"},
        HelloCase{"CutInSessionId", records("\x01" + vec(3, "\x03\x03" + std::string(32, 'r') + "\x20short")),
                  "malformed"},
        HelloCase{"BehindTheExtensions", records("\x01" + vec(3, tls13().message().substr(4) + "x")),
                  "malformed"},
        HelloCase{"ExtensionsCut", records("\x01" + vec(3, tls13().message().substr(4, 50))), "malformed"},
        HelloCase{"ExtensionTypeCut",
                  records("\x01" + vec(3,
                                       [] {
                                         auto b = tls12();
                                         b.with_extensions = false;
                                         return b.message().substr(4) + vec(2, "x");
                                       }())),
                  "malformed"},
        HelloCase{"DuplicateKnown", tls13().add(35, "").add(35, "").bytes(), "malformed"},
        HelloCase{"DuplicateUnknown", tls13().add(0x1234, "").add(0x1234, "").bytes(), "malformed"},
        HelloCase{"PskNotLast", tls13().add(41, psk()).add(35, "").bytes(), "malformed"},
        HelloCase{"PskEmpty", tls13().add(41, "").bytes(), "malformed"},
        HelloCase{"PskWithoutIdentities", tls13().add(41, psk(0, 0)).bytes(), "malformed"},
        HelloCase{"PskWithoutBinder", tls13().add(41, psk(1, 0)).bytes(), "malformed"},
        HelloCase{"PskTooManyBinders", tls13().add(41, psk(1, 2)).bytes(), "malformed"},
        HelloCase{"PskBehindBinders", tls13().add(41, psk() + "x").bytes(), "malformed"},
        HelloCase{
            "PskShortBinder",
            tls13().add(41, vec(2, vec(2, "i") + "aaaa") + vec(2, vec(1, std::string(31, 'b')))).bytes(),
            "malformed"},
        HelloCase{"PskEmptyIdentity",
                  tls13().add(41, vec(2, vec(2, "") + "aaaa") + vec(2, vec(1, std::string(32, 'b')))).bytes(),
                  "malformed"},
        HelloCase{"PskAgeCut",
                  tls13().add(41, vec(2, vec(2, "i") + "aaa") + vec(2, vec(1, std::string(32, 'b')))).bytes(),
                  "malformed"},
        HelloCase{"VersionsEmpty", tls12_with(43, "").bytes(), "malformed"},
        HelloCase{"VersionsEmptyList", tls12_with(43, supports({})).bytes(), "malformed"},
        HelloCase{"VersionsOdd", tls12_with(43, vec(1, "\x03\x04\x03")).bytes(), "malformed"},
        HelloCase{"VersionsBehind", tls12_with(43, supports({kTls13}) + "x").bytes(), "malformed"},
        HelloCase{"AlpnEmpty", tls12_with(16, vec(2, "")).bytes(), "malformed"},
        HelloCase{"AlpnEmptyName", tls12_with(16, vec(2, vec(1, ""))).bytes(), "malformed"},
        HelloCase{"AlpnCut", tls12_with(16, vec(2, "\x08http")).bytes(), "malformed"},
        HelloCase{"SniEmpty", tls12_with(0, "").bytes(), "malformed"},
        HelloCase{"SniEmptyName", tls12_with(0, sni("")).bytes(), "malformed"},
        HelloCase{"SniWithNul", tls12_with(0, sni("a\0b"s)).bytes(), "malformed"},
        HelloCase{"SniTooLong", tls12_with(0, sni(std::string(256, 'a'))).bytes(), "malformed"},
        HelloCase{"SniOtherKind", tls12_with(0, vec(2, "\1" + vec(2, "a"))).bytes(), "malformed"},
        HelloCase{"SniTwoNames", tls12_with(0, vec(2, "\0\0\1a\0\0\1b"s)).bytes(), "malformed"}),
    kName);

TEST(Hello, SaysWhatItHolds) {
  HelloBuilder builder = tls13();
  builder.version = u16(0x0302);
  builder.session_id = "0123456789";
  builder.add(0, sni("auction.example"))
      .add(16, vec(2, vec(1, "h2") + vec(1, "http/1.1")))
      .add(35, "ticket")
      .add(41, psk());
  const auto hello = classify_text(builder.bytes());
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->legacy_version, 0x0302);
  EXPECT_TRUE(std::ranges::equal(hello->session_id(), as_bytes("0123456789")));
  EXPECT_EQ(hello->server_name(), "auction.example");
  EXPECT_TRUE(hello->offers_tls13);
  EXPECT_TRUE(hello->has_ticket);
  EXPECT_TRUE(hello->has_psk);
  EXPECT_TRUE(hello->has_alpn);
  EXPECT_TRUE(hello->alpn_http11);
}

TEST(Hello, SaysWhatItLacks) {
  const auto hello = classify_text(tls12_with(16, vec(2, vec(1, "h2"))).bytes());
  ASSERT_TRUE(hello);
  EXPECT_TRUE(hello->session_id().empty());
  EXPECT_EQ(hello->server_name(), "");
  EXPECT_FALSE(hello->offers_tls13);
  EXPECT_TRUE(hello->has_alpn);
  EXPECT_FALSE(hello->alpn_http11);
}

TEST(Hello, TakesTheLongestHostName) {
  const std::string name(255, 'a');
  EXPECT_EQ(classify_text(tls12_with(0, sni(name)).bytes())->server_name(), name);
}

TEST(Hello, IsTheSameInAnyRecords) {
  for (const RealHello& real : openssl_hellos()) {
    const auto whole = classify_text(real.bytes);
    ASSERT_TRUE(whole) << real.name;
    const std::string_view message = std::string_view{real.bytes}.substr(5);
    for (const std::size_t fragment : {1u, 2u, 3u, 4u, 5u, 17u, 100u, 255u}) {
      EXPECT_EQ(classify_text(records(message, fragment)), whole)
          << real.name << " in records of " << fragment;
    }
  }
}

TEST(Hello, OfOpensslsClientIsUnderstoodAndEveryCutWantsMore) {
  for (const RealHello& real : openssl_hellos()) {
    const std::string_view name = real.name;
    const auto hello = classify_text(real.bytes);
    ASSERT_TRUE(hello) << name;
    EXPECT_EQ(hello->claim() == HelloClaim::fresh, name.ends_with("fresh")) << name;
    EXPECT_EQ(hello->offers_tls13, name.starts_with("tls13")) << name;
    EXPECT_EQ(hello->has_psk, name == "tls13_psk") << name;
    EXPECT_EQ(hello->has_ticket, name == "tls12_ticket") << name;
    EXPECT_EQ(hello->server_name(), "auction.example");
    EXPECT_TRUE(hello->alpn_http11);
    for (std::size_t size = 0; size < real.bytes.size(); ++size) {
      EXPECT_EQ(verdict_of(classify_text(std::string_view{real.bytes}.substr(0, size))), "need_more")
          << name << size;
    }
  }
}

TEST(HelloBound, CountsRecordHeadersToo) {
  const std::string bytes = tls13().bytes();
  EXPECT_EQ(verdict_of(classify_text(bytes, bytes.size())), "fresh");
  EXPECT_EQ(verdict_of(classify_text(bytes, bytes.size() - 1)), "too_large");
  const std::string message = tls13().message();
  EXPECT_EQ(verdict_of(classify_text(records(message, 1), message.size())), "too_large");
}

TEST(HelloBound, IsFinalAtTheBoundAndNotBefore) {
  const std::string bytes = records(tls13().message(), 1);
  const std::string_view all = bytes;
  EXPECT_EQ(verdict_of(classify_text(all.substr(0, 99), 100)), "need_more");
  EXPECT_EQ(verdict_of(classify_text(all.substr(0, 100), 100)), "too_large");
  EXPECT_EQ(verdict_of(classify_text(all, 100)), "too_large");
}

TEST(HelloBound, LetsTheDefaultBoundThrough) {
  const std::string bytes = tls13().add(0x1234, std::string(60'000, 'x')).bytes();
  EXPECT_EQ(verdict_of(classify_text(bytes)), "fresh");
}

TEST(HelloError, HasASentenceForEveryValue) {
  for (const auto error : {HelloError::need_more, HelloError::not_tls, HelloError::http,
                           HelloError::malformed, HelloError::too_large}) {
    EXPECT_NE(make_error_code(error).message(), "unknown ClientHello error");
  }
}

}  // namespace
}  // namespace sluice::tls
