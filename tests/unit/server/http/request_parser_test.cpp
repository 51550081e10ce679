#include "server/http/request_parser.hpp"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

using State = RequestParser::State;

/// Small, so that rows can exceed them.
Limits small_limits() {
  Limits limits;
  limits.head_bytes = 1'000;
  limits.uri_bytes = 100;
  limits.fields = 8;
  limits.body_bytes = 64;
  limits.chunk_extension_bytes = 32;
  limits.trailer_bytes = 40;
  return limits;
}

std::string describe(RequestParser& parser, State state) {
  if (state == State::refused) {
    const Refusal& refusal = parser.refusal();
    std::string text = std::to_string(refusal.status);
    if (!refusal.limit.empty()) text.append(" ").append(refusal.limit);
    return text;
  }
  if (state != State::done) return "incomplete";
  const Request& request = parser.request();
  std::string text{boost::beast::http::to_string(request.method)};
  text.append(" ").append(request.path);
  if (!request.query.empty()) text.append(" ?").append(request.query);
  if (!request.host.empty()) text.append(" @").append(request.host);
  if (!request.body.empty()) text.append(" body=").append(request.body);
  return text + (parser.keep_alive() ? " keep" : " close");
}

/// Feeds `bytes` in portions that `next_size` chooses, as a connection would; behind each request the next
/// one. Descriptions of all requests, one a line.
template <class NextSize>
std::string read_all(std::string_view bytes, const Limits& limits, NextSize next_size) {
  RequestParser parser{limits};
  std::string out;
  State state = State::need_more;
  while (!bytes.empty()) {
    std::string_view portion = bytes.substr(0, next_size());
    bytes.remove_prefix(portion.size());
    while (!portion.empty()) {
      const auto progress = parser.feed(portion);
      portion.remove_prefix(progress.consumed);
      state = progress.state;
      EXPECT_TRUE(portion.empty() || state != State::need_more);
      if (state == State::refused) return out + describe(parser, state);
      if (state != State::done) continue;
      out += describe(parser, state) + "\n";
      parser.reset();
      EXPECT_FALSE(parser.started());
    }
  }
  if (parser.started()) return out + "incomplete";
  if (!out.empty()) out.pop_back();
  return out;
}

struct Case {
  const char* name;
  std::string bytes;
  std::string expected;
};
std::ostream& operator<<(std::ostream& out, const Case& row) { return out << row.name; }

class Requests : public testing::TestWithParam<Case> {};

TEST_P(Requests, AreReadTheSameHoweverTheyAreCut) {
  const Limits limits = small_limits();
  const auto& [name, bytes, expected] = GetParam();
  ASSERT_EQ(read_all(bytes, limits, [] { return std::string_view::npos; }), expected);
  EXPECT_EQ(read_all(bytes, limits, [] { return std::size_t{1}; }), expected) << "byte by byte";
  std::mt19937 random{7};
  for (int i = 0; i < 30; ++i) {
    const auto cut = [&] { return std::uniform_int_distribution<std::size_t>{1, 40}(random); };
    ASSERT_EQ(read_all(bytes, limits, cut), expected) << "random cut " << i;
  }
}

/// A GET with these lines between request line and the end.
std::string get(const std::string& lines) { return "GET / HTTP/1.1\r\n" + lines + "\r\n"; }
/// A GET with these bytes as request line.
std::string line(const std::string& request_line) { return request_line + "\r\nHost: a\r\n\r\n"; }
/// A POST with these fields (and Host), then the rest.
std::string post(const std::string& fields, const std::string& rest) {
  return "POST /f HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" + rest;
}
std::string chunked(const std::string& body) { return post("Transfer-Encoding: chunked\r\n", body); }
std::string length(const std::string& value) { return post("Content-Length: " + value + "\r\n", "hello"); }
std::string host(const std::string& value) { return get("Host: " + value + "\r\n"); }
std::string repeat(std::size_t count, const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

const std::string kGet = "GET / @a keep";
const std::string kPost = "POST /f @a body=hello keep";

const auto kName = [](const auto& test) { return std::string{test.param.name}; };

INSTANTIATE_TEST_SUITE_P(
    RequestLine, Requests,
    testing::Values(
        Case{"Simple", line("GET / HTTP/1.1"), kGet},
        Case{"Http10NeedsNoHost", "GET / HTTP/1.0\r\n\r\n", "GET / close"},
        Case{"Http12IsReadAs11", line("GET / HTTP/1.2"), kGet},
        Case{"Http19IsReadAs11", line("GET / HTTP/1.9"), kGet}, Case{"Http20", line("GET / HTTP/2.0"), "505"},
        Case{"Http2WithoutMinor", line("GET / HTTP/2"), "505"}, Case{"Http30", line("GET / HTTP/3.0"), "505"},
        Case{"Http09Named", line("GET / HTTP/0.9"), "505"},
        Case{"Http2Preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"},
        Case{"Http09", "GET /\r\n\r\n", "400"}, Case{"VersionWithoutMinor", line("GET / HTTP/1"), "400"},
        Case{"VersionWithTwoDigits", line("GET / HTTP/1.10"), "400"},
        Case{"VersionInLowerCase", line("GET / http/1.1"), "400"},
        Case{"VersionOfAnotherProtocol", line("GET / ICY/1.1"), "400"},
        Case{"VersionNotANumber", line("GET / HTTP/x.1"), "400"},
        Case{"BlankBehindVersion", line("GET / HTTP/1.1 "), "400"},
        Case{"TwoBlanksBeforeTarget", line("GET  / HTTP/1.1"), "400"},
        Case{"TwoBlanksBeforeVersion", line("GET /  HTTP/1.1"), "400"},
        Case{"BlankInTarget", line("GET /a b HTTP/1.1"), "400"},
        Case{"TabForBlank", line("GET\t/\tHTTP/1.1"), "400"},
        Case{"LeadingBlank", line(" GET / HTTP/1.1"), "400"}, Case{"MethodAlone", line("GET"), "400"},
        Case{"NoTarget", line("GET HTTP/1.1"), "400"}, Case{"MethodNotAToken", line("G(T / HTTP/1.1"), "400"},
        Case{"MethodMissing", line("/ HTTP/1.1"), "400"},
        Case{"UnknownMethod", line("BREW / HTTP/1.1"), "501"},
        Case{"MethodInLowerCase", line("get / HTTP/1.1"), "501"},
        Case{"WebDavMethod", line("PROPFIND / HTTP/1.1"), "501"},
        Case{"Trace", line("TRACE / HTTP/1.1"), "501"},
        Case{"Connect", line("CONNECT a:443 HTTP/1.1"), "501"},
        Case{"Delete", line("DELETE / HTTP/1.1"), "DELETE / @a keep"},
        Case{"Head", line("HEAD / HTTP/1.1"), "HEAD / @a keep"},
        Case{"OneEmptyLineBefore", "\r\n" + line("GET / HTTP/1.1"), kGet},
        Case{"TwoEmptyLinesBefore", "\r\n\r\n" + line("GET / HTTP/1.1"), kGet},
        Case{"ThreeEmptyLinesBefore", "\r\n\r\n\r\n" + line("GET / HTTP/1.1"), "400"},
        Case{"BareLfBefore", "\n" + line("GET / HTTP/1.1"), "400"},
        Case{"BareCrBefore", "\r" + line("GET / HTTP/1.1"), "400"}, Case{"OnlyEmptyLines", "\r\n\r\n", ""},
        Case{"NulFirst", std::string(8, '\0'), "400"}, Case{"TlsRecord", "\x16\x03\x01\x02", "400"},
        Case{"TargetAtTheLimit", line("GET /" + std::string(99, 'a') + " HTTP/1.1"),
             "GET /" + std::string(99, 'a') + " @a keep"},
        Case{"TargetOverTheLimit", line("GET /" + std::string(100, 'a') + " HTTP/1.1"), "414 uri_bytes"},
        Case{"TargetWithoutEnd", "GET /" + std::string(500, 'a'), "414 uri_bytes"},
        Case{"TargetFarOverTheLimit", line("GET /" + std::string(5'000, 'a') + " HTTP/1.1"),
             "414 uri_bytes"}),
    kName);

INSTANTIATE_TEST_SUITE_P(
    Target, Requests,
    testing::Values(
        Case{"Query", line("GET /a?b=c&d HTTP/1.1"), "GET /a ?b=c&d @a keep"},
        Case{"EmptyQuery", line("GET /a? HTTP/1.1"), "GET /a @a keep"},
        Case{"QuestionMarkInQuery", line("GET /a?b?c HTTP/1.1"), "GET /a ?b?c @a keep"},
        Case{"Encoded", line("GET /a%20b%2Bc HTTP/1.1"), "GET /a b+c @a keep"},
        Case{"EncodedQuestionMark", line("GET /a%3Fb HTTP/1.1"), "GET /a?b @a keep"},
        Case{"QueryStaysEncoded", line("GET /?a=%20 HTTP/1.1"), "GET / ?a=%20 @a keep"},
        Case{"Backslash", line("GET /a\\..\\b HTTP/1.1"), "GET /a\\..\\b @a keep"},
        Case{"DotsInNames", line("GET /a..b/.c/d. HTTP/1.1"), "GET /a..b/.c/d. @a keep"},
        Case{"TwoSlashes", line("GET //a HTTP/1.1"), "GET //a @a keep"},
        Case{"DotDot", line("GET /../etc/passwd HTTP/1.1"), "400"},
        Case{"DotDotAtTheEnd", line("GET /a/.. HTTP/1.1"), "400"},
        Case{"Dot", line("GET /./a HTTP/1.1"), "400"},
        Case{"EncodedDotDot", line("GET /%2e%2E/a HTTP/1.1"), "400"},
        Case{"EncodedSlashDotDot", line("GET /a%2f..%2fb HTTP/1.1"), "400"},
        Case{"DotDotInQuery", line("GET /?f=/../a HTTP/1.1"), "GET / ?f=/../a @a keep"},
        Case{"EncodedNul", line("GET /a%00b HTTP/1.1"), "400"},
        Case{"EncodedLineEnd", line("GET /a%0d%0ab HTTP/1.1"), "400"},
        Case{"BadPercent", line("GET /%zz HTTP/1.1"), "400"},
        Case{"CutPercent", line("GET /a%2 HTTP/1.1"), "400"},
        Case{"Nul", line(std::string{"GET /a\0b HTTP/1.1", 17}), "400"},
        Case{"ControlCharacter", line("GET /a\x01 HTTP/1.1"), "400"},
        Case{"Delete", line("GET /a\x7f HTTP/1.1"), "400"},
        Case{"RawUtf8", line("GET /\xc3\xa4 HTTP/1.1"), "400"},
        Case{"Fragment", line("GET /a#b HTTP/1.1"), "400"},
        Case{"AbsoluteForm", line("GET http://shop:8443/a?b HTTP/1.1"), "GET /a ?b @shop:8443 keep"},
        Case{"AbsoluteFormHttps", line("GET HTTPS://shop/a HTTP/1.1"), "GET /a @shop keep"},
        Case{"AbsoluteFormWithoutPath", line("GET http://shop HTTP/1.1"), "GET / @shop keep"},
        Case{"AbsoluteFormOnlyQuery", line("GET http://shop?b HTTP/1.1"), "GET / ?b @shop keep"},
        Case{"AbsoluteFormBadHost", line("GET http://u@shop/ HTTP/1.1"), "400"},
        Case{"AbsoluteFormNoHost", line("GET http:///a HTTP/1.1"), "400"},
        Case{"AbsoluteFormOtherScheme", line("GET ftp://shop/a HTTP/1.1"), "400"},
        Case{"AbsoluteFormStillNeedsHost", "GET http://shop/ HTTP/1.1\r\n\r\n", "400"},
        Case{"AbsoluteFormStillNeedsOneHost", "GET http://shop/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
             "400"},
        Case{"AbsoluteFormDotDot", line("GET http://shop/../a HTTP/1.1"), "400"},
        Case{"AuthorityForm", line("GET shop:443 HTTP/1.1"), "400"},
        Case{"RelativeForm", line("GET a/b HTTP/1.1"), "400"},
        Case{"OptionsAsterisk", line("OPTIONS * HTTP/1.1"), "OPTIONS * @a keep"},
        Case{"OptionsAbsoluteWithoutPath", line("OPTIONS http://shop HTTP/1.1"), "OPTIONS * @shop keep"},
        Case{"OptionsPath", line("OPTIONS /a HTTP/1.1"), "OPTIONS /a @a keep"},
        Case{"GetAsterisk", line("GET * HTTP/1.1"), "400"},
        Case{"AsteriskAndMore", line("OPTIONS *a HTTP/1.1"), "400"}),
    kName);

INSTANTIATE_TEST_SUITE_P(
    Fields, Requests,
    testing::Values(
        Case{"BlanksAroundValue", get("Host: \t a \t \r\n"), kGet},
        Case{"NoBlankBeforeValue", get("Host:a\r\n"), kGet},
        Case{"EmptyValue", get("Host: a\r\nX:\r\n"), kGet},
        Case{"Latin1Value", get("Host: a\r\nX: \xe4\r\n"), kGet},
        Case{"BlankBeforeColon", get("Host : a\r\n"), "400"},
        Case{"TabBeforeColon", get("Host: a\r\nX\t: b\r\n"), "400"},
        Case{"BlankInName", get("Host: a\r\nX Y: b\r\n"), "400"},
        Case{"EmptyName", get("Host: a\r\n: b\r\n"), "400"},
        Case{"NoColon", get("Host: a\r\nnonsense\r\n"), "400"},
        Case{"NameWithSlash", get("Host: a\r\nX/Y: b\r\n"), "400"},
        Case{"Latin1Name", get("Host: a\r\nX\xe4: b\r\n"), "400"},
        Case{"Folded", get("Host: a\r\nX: b\r\n c\r\n"), "400"},
        Case{"FoldedByTab", get("Host: a\r\nX: b\r\n\tc\r\n"), "400"},
        Case{"FoldedFirst", get(" Host: a\r\n"), "400"},
        Case{"FoldedEmpty", get("Host: a\r\nX: b\r\n \r\n"), "400"},
        Case{"NulInValue", get(std::string{"Host: a\r\nX: b\0c\r\n", 17}), "400"},
        Case{"NulInName", get(std::string{"Host: a\r\nX\0: b\r\n", 16}), "400"},
        Case{"ControlInValue", get("Host: a\r\nX: b\x01\r\n"), "400"},
        Case{"DeleteInValue", get("Host: a\r\nX: \x7f\r\n"), "400"},
        Case{"BareCrInValue", get("Host: a\r\nX: b\rc\r\n"), "400"},
        Case{"BareCrAtTheEnd", get("Host: a\r\nX: b\r\r\n"), "400"},
        Case{"BareLf", "GET / HTTP/1.1\nHost: a\n\n", "400"},
        Case{"BareLfIsRefusedAtOnce", "GET / HTTP/1.1\n", "400"},
        Case{"BareLfBetweenFields", get("Host: a\nX: b\r\n"), "400"},
        Case{"BareLfAtTheEnd", "GET / HTTP/1.1\r\nHost: a\r\n\n", "400"},
        Case{"FieldsAtTheLimit", get("Host: a\r\n" + repeat(7, "X: y\r\n")), kGet},
        Case{"OneFieldTooMany", get("Host: a\r\n" + repeat(8, "X: y\r\n")), "431 fields"},
        Case{"ThousandsOfTinyFields", get("Host: a\r\n" + repeat(5'000, "X:\r\n")), "431 fields"},
        // Request line 16, Host 9, "X: " and line end 5, empty line 2.
        Case{"HeadAtTheLimit", get("Host: a\r\nX: " + std::string(1'000 - 32, 'x') + "\r\n"), kGet},
        Case{"HeadOverTheLimit", get("Host: a\r\nX: " + std::string(1'001 - 32, 'x') + "\r\n"),
             "431 head_bytes"},
        Case{"FieldWithoutEnd", "GET / HTTP/1.1\r\nX: " + std::string(100'000, 'x'), "431 head_bytes"}),
    kName);

INSTANTIATE_TEST_SUITE_P(
    Host, Requests,
    testing::Values(Case{"Missing", get(""), "400"}, Case{"Twice", get("Host: a\r\nHost: a\r\n"), "400"},
                    Case{"TwiceInOtherCase", get("Host: a\r\nhOST: b\r\n"), "400"},
                    Case{"TwiceIn10", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
                    Case{"InvalidIn10", "GET / HTTP/1.0\r\nHost: a b\r\n\r\n", "400"},
                    Case{"Empty", host(""), "400"},
                    Case{"Name", host("shop.example"), "GET / @shop.example keep"},
                    Case{"NameAndPort", host("shop:8443"), "GET / @shop:8443 keep"},
                    Case{"EmptyPort", host("shop:"), "GET / @shop: keep"},
                    Case{"Ipv4", host("127.0.0.1:80"), "GET / @127.0.0.1:80 keep"},
                    Case{"Ipv6", host("[::1]"), "GET / @[::1] keep"},
                    Case{"Ipv6AndPort", host("[::1]:8443"), "GET / @[::1]:8443 keep"},
                    Case{"UserInfo", host("u@a"), "400"}, Case{"TwoColons", host("a:b:c"), "400"},
                    Case{"BracketOpen", host("[::1"), "400"}, Case{"Quoted", host("\"a\""), "400"},
                    Case{"List", host("a, b"), "400"}, Case{"Path", host("a/b"), "400"},
                    Case{"PortNotANumber", host("a:x"), "400"}, Case{"PortTooLarge", host("a:65536"), "400"}),
    kName);

INSTANTIATE_TEST_SUITE_P(
    Length, Requests,
    testing::Values(
        Case{"Body", length("5"), kPost}, Case{"LeadingZeros", length("005"), kPost},
        Case{"HundredsOfLeadingZeros", length(std::string(300, '0') + "5"), "400"},
        Case{"Zero", post("Content-Length: 0\r\n", ""), "POST /f @a keep"},
        Case{"Missing", post("", ""), "411"}, Case{"MissingOnPut", line("PUT / HTTP/1.1"), "411"},
        Case{"MissingOnPatch", line("PATCH / HTTP/1.1"), "411"},
        Case{"MissingIn10", "POST / HTTP/1.0\r\n\r\n", "411"}, Case{"Plus", length("+5"), "400"},
        Case{"Minus", length("-5"), "400"}, Case{"Hexadecimal", length("0x5"), "400"},
        Case{"Fraction", length("5.0"), "400"}, Case{"Empty", length(""), "400"},
        Case{"BlankInside", length("5 5"), "400"}, Case{"List", length("5, 5"), "400"},
        Case{"ListOfOne", length("5,"), "400"},
        Case{"TwiceTheSame", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), "400"},
        Case{"TwiceDifferent", post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"), "400"},
        Case{"AtTheLimit", post("Content-Length: 64\r\n", std::string(64, 'b')),
             "POST /f @a body=" + std::string(64, 'b') + " keep"},
        Case{"OverTheLimit", length("65"), "413 body_bytes"},
        Case{"SixtyFourBits", length("18446744073709551615"), "413 body_bytes"},
        Case{"MoreThanSixtyFourBits", length("99999999999999999999999"), "413 body_bytes"},
        Case{"WrapsToFive", length("18446744073709551621"), "413 body_bytes"},
        Case{"MoreThanSixtyFourBitsFirst",
             "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", "413 body_bytes"},
        Case{"OnGet", get("Host: a\r\nContent-Length: 2\r\n") + "hi", "GET / @a body=hi keep"},
        Case{"OnGetOverTheLimit", get("Host: a\r\nContent-Length: 100\r\n"), "413 body_bytes"},
        Case{"BodyCut", post("Content-Length: 5\r\n", "hel"), "incomplete"}),
    kName);

INSTANTIATE_TEST_SUITE_P(
    TransferEncoding, Requests,
    testing::Values(
        Case{"Chunked", chunked("5\r\nhello\r\n0\r\n\r\n"), kPost},
        Case{"ChunkedInOtherCase", post("transfer-encoding: CHUNKED\r\n", "5\r\nhello\r\n0\r\n\r\n"), kPost},
        Case{"ChunkedOnGet", get("Host: a\r\nTransfer-Encoding: chunked\r\n") + "2\r\nhi\r\n0\r\n\r\n",
             "GET / @a body=hi keep"},
        Case{"AndContentLength", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "hello"), "400"},
        Case{"AndContentLengthBefore", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "hello"),
             "400"},
        Case{"UnknownAndContentLength", post("Transfer-Encoding: x\r\nContent-Length: 5\r\n", "hello"),
             "400"},
        Case{"In10", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
        Case{"Unknown", post("Transfer-Encoding: x\r\n", ""), "501"},
        Case{"Gzip", post("Transfer-Encoding: gzip\r\n", ""), "501"},
        Case{"GzipThenChunked", post("Transfer-Encoding: gzip, chunked\r\n", ""), "501"},
        Case{"ChunkedThenGzip", post("Transfer-Encoding: chunked, gzip\r\n", ""), "400"},
        Case{"ChunkedTwice", post("Transfer-Encoding: chunked, chunked\r\n", ""), "400"},
        Case{"TwoFields", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", ""), "400"},
        Case{"TwoFieldsIdentity", post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", ""),
             "400"},
        Case{"Identity", post("Transfer-Encoding: identity\r\n", ""), "501"},
        Case{"Quoted", post("Transfer-Encoding: \"chunked\"\r\n", ""), "400"},
        Case{"WithParameter", post("Transfer-Encoding: chunked;q=1\r\n", ""), "400"},
        Case{"EmptyElement", post("Transfer-Encoding: chunked,\r\n", ""), "400"},
        Case{"Empty", post("Transfer-Encoding:\r\n", ""), "400"},
        Case{"VerticalTab", post("Transfer-Encoding: \vchunked\r\n", ""), "400"}),
    kName);

INSTANTIATE_TEST_SUITE_P(
    Chunks, Requests,
    testing::Values(
        Case{"Several", chunked("2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"), kPost},
        Case{"Empty", chunked("0\r\n\r\n"), "POST /f @a keep"},
        Case{"HexDigits", chunked("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"),
             "POST /f @a body=01234567890123456789 keep"},
        Case{"LineEndsInData", chunked("5\r\n\r\n\r\n\n\r\n0\r\n\r\n"), "POST /f @a body=\r\n\r\n\n keep"},
        Case{"LeadingZeros", chunked("0005\r\nhello\r\n0000\r\n\r\n"), kPost},
        Case{"ThousandsOfLeadingZeros", chunked(std::string(5'000, '0') + "5\r\nhello\r\n0\r\n\r\n"), "400"},
        Case{"SixteenDigits", chunked("ffffffffffffffff\r\n"), "413 body_bytes"},
        Case{"SeventeenDigits", chunked("10000000000000005\r\n"), "400"},
        Case{"OverTheLimit", chunked("41\r\n"), "413 body_bytes"},
        Case{"TogetherOverTheLimit", chunked("40\r\n" + std::string(64, 'b') + "\r\n1\r\n"),
             "413 body_bytes"},
        Case{"NoDigits", chunked("\r\n"), "400"}, Case{"Sign", chunked("+5\r\nhello\r\n"), "400"},
        Case{"Minus", chunked("-1\r\n"), "400"}, Case{"HexPrefix", chunked("0x5\r\nhello\r\n"), "400"},
        Case{"BlankBefore", chunked(" 5\r\nhello\r\n"), "400"},
        Case{"BlankBehind", chunked("5 \r\nhello\r\n"), "400"},
        Case{"BareLf", chunked("5\nhello\r\n0\r\n\r\n"), "400"},
        Case{"BareLfBehindData", chunked("5\r\nhello\n0\r\n\r\n"), "400"},
        Case{"BareCr", chunked("5\rxhello\r\n"), "400"},
        Case{"DataTooLong", chunked("5\r\nhello!\r\n0\r\n\r\n"), "400"},
        Case{"DataTooShort", chunked("6\r\nhello\r\n0\r\n\r\n"), "400"},
        Case{"BareLfAtTheEnd", chunked("0\r\n\n"), "400"},
        Case{"Cut", chunked("5\r\nhello\r\n"), "incomplete"},
        Case{"Extension", chunked("5;a\r\nhello\r\n0;b=c\r\n\r\n"), kPost},
        Case{"QuotedExtension", chunked("5;a=\"b;\\\" c\"\r\nhello\r\n0\r\n\r\n"), kPost},
        Case{"BlanksInExtension", chunked("5 ; a = b ;c\r\nhello\r\n0\r\n\r\n"), kPost},
        Case{"TwoExtensions", chunked("5;a=b;c=\"\";d\r\nhello\r\n0\r\n\r\n"), kPost},
        Case{"ExtensionWithoutName", chunked("5;\r\nhello\r\n"), "400"},
        Case{"ExtensionWithoutValue", chunked("5;a=\r\nhello\r\n"), "400"},
        Case{"ExtensionQuoteOpen", chunked("5;a=\"b\r\nhello\r\n"), "400"},
        Case{"ExtensionWithLf", chunked("5;a\nhello\r\n"), "400"},
        Case{"ExtensionNotAToken", chunked("5;(\r\nhello\r\n"), "400"},
        Case{"ExtensionBlankAtTheEnd", chunked("5;a \r\n"), "400"},
        Case{"BehindQuotedExtension", chunked("5;a=\"b\"c\r\n"), "400"},
        Case{"ExtensionWithNul", chunked(std::string{"5;a=\"\0\"\r\n", 9}), "400"},
        Case{"ExtensionWithEscapedLf", chunked("5;a=\"\\\n\"\r\nhello\r\n0\r\n\r\n"), "400"},
        Case{"ExtensionTooLong", chunked("5;" + std::string(100, 'a') + "\r\nhello\r\n"),
             "413 chunk_extension_bytes"},
        Case{"ExtensionsTogetherTooLong", chunked(repeat(20, "1;aaaa\r\nb\r\n")),
             "413 chunk_extension_bytes"},
        Case{"TrailerIsDropped", chunked("5\r\nhello\r\n0\r\nHost: evil\r\nX: y\r\n\r\n"), kPost},
        Case{"TrailerWithFraming", chunked("5\r\nhello\r\n0\r\nContent-Length: 3\r\n\r\n"), kPost},
        Case{"TrailerTooLong", chunked("0\r\nX: " + std::string(50, 'x') + "\r\n\r\n"), "431 trailer_bytes"},
        Case{"TrailersTogetherTooLong", chunked("0\r\n" + repeat(20, "X: y\r\n") + "\r\n"),
             "431 trailer_bytes"},
        Case{"TrailerFolded", chunked("0\r\nX: y\r\n z\r\n\r\n"), "400"},
        Case{"TrailerNoColon", chunked("0\r\nX\r\n\r\n"), "400"},
        Case{"TrailerEmptyName", chunked("0\r\n: y\r\n\r\n"), "400"},
        Case{"TrailerBareLf", chunked("0\r\nX: y\n\r\n"), "400"},
        Case{"TrailerBareCr", chunked("0\r\nX: y\rz\r\n\r\n"), "400"}),
    kName);

INSTANTIATE_TEST_SUITE_P(
    Connection, Requests,
    testing::Values(
        Case{"Close", get("Host: a\r\nConnection: close\r\n"), "GET / @a close"},
        Case{"CloseInAList", get("Host: a\r\nConnection: te, CLOSE\r\n"), "GET / @a close"},
        Case{"CloseInASecondField", get("Host: a\r\nConnection: te\r\nConnection: close\r\n"),
             "GET / @a close"},
        Case{"KeepAliveAndClose", get("Host: a\r\nConnection: keep-alive, close\r\n"), "GET / @a close"},
        Case{"UnknownOption", get("Host: a\r\nConnection: closed\r\n"), kGet},
        Case{"Upgrade", get("Host: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"), kGet},
        Case{"KeepAliveIn10", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET / keep"},
        Case{"ProxyConnectionMeansNothing", get("Host: a\r\nProxy-Connection: close\r\n"), kGet},
        Case{"Pipelined",
             line("GET /1 HTTP/1.1") + post("Content-Length: 5\r\n", "hello") + line("GET /3 HTTP/1.1"),
             "GET /1 @a keep\n" + kPost + "\nGET /3 @a keep"},
        Case{"PipelinedBehindChunks", chunked("5\r\nhello\r\n0\r\n\r\n") + line("GET /2 HTTP/1.1"),
             kPost + "\nGET /2 @a keep"},
        Case{"PipelinedBehindAnEmptyLine", length("5") + "\r\n" + line("GET /2 HTTP/1.1"),
             kPost + "\nGET /2 @a keep"},
        Case{"PipelinedChunkedTwice", chunked("5\r\nhello\r\n0\r\n\r\n") + chunked("5\r\nhello\r\n0\r\n\r\n"),
             kPost + "\n" + kPost},
        Case{"PipelinedEmptyLinesBeforeEach",
             "\r\n\r\n" + line("GET / HTTP/1.1") + "\r\n\r\n" + line("GET / HTTP/1.1"), kGet + "\n" + kGet},
        Case{"PipelinedBadSecond", line("GET /1 HTTP/1.1") + "nonsense\r\n\r\n", "GET /1 @a keep\n400"},
        Case{"ExpectUnknown", post("Expect: 200-ok\r\nContent-Length: 5\r\n", "hello"), "417"},
        Case{"ExpectTwice",
             post("Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 5\r\n", "hello"), "417"},
        Case{"ExpectContinue", post("Expect: 100-Continue\r\nContent-Length: 5\r\n", "hello"), kPost},
        Case{"ExpectIn10IsIgnored",
             "POST /f HTTP/1.0\r\nHost: a\r\nExpect: x\r\nContent-Length: 5\r\n\r\nhello",
             "POST /f @a body=hello close"}),
    kName);

class Parser : public testing::Test {
 protected:
  const Limits limits;
  RequestParser parser{limits};
};

TEST_F(Parser, ReportsTheHeadBeforeTheBodyOnce) {
  const std::string head = post("Expect: 100-continue\r\nContent-Length: 5\r\n", "");
  auto progress = parser.feed(head + "hello");
  EXPECT_EQ(progress.state, State::head);
  EXPECT_EQ(progress.consumed, head.size());
  EXPECT_TRUE(parser.wants_continue());
  EXPECT_TRUE(parser.reading_body());
  EXPECT_EQ(parser.request().path, "/f");
  progress = parser.feed("hel");
  EXPECT_EQ(progress.state, State::need_more);
  progress = parser.feed("loGET");
  EXPECT_EQ(progress.state, State::done);
  EXPECT_EQ(progress.consumed, 2u);
  EXPECT_FALSE(parser.reading_body());
  EXPECT_EQ(parser.request().body, "hello");
}

TEST_F(Parser, ExpectsNoContinueWithoutABodyOrIn10) {
  parser.feed(get("Host: a\r\nExpect: 100-continue\r\n"));
  EXPECT_FALSE(parser.wants_continue());
  parser.reset();
  parser.feed("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  EXPECT_FALSE(parser.wants_continue());
  EXPECT_EQ(parser.minor_version(), 0u);
}

TEST_F(Parser, TakesNothingBehindAnEnd) {
  parser.feed(line("GET / HTTP/1.1"));
  EXPECT_EQ(parser.feed("GET").consumed, 0u);
  EXPECT_EQ(parser.feed("GET").state, State::done);
  parser.reset();
  parser.feed(line("nonsense"));
  EXPECT_EQ(parser.feed("GET").state, State::refused);
  EXPECT_EQ(parser.feed("GET").consumed, 0u);
  EXPECT_FALSE(parser.keep_alive());
}

TEST_F(Parser, HasNotStartedOnEmptyLines) {
  parser.feed("\r\n\r");
  EXPECT_FALSE(parser.started());
  parser.feed("\nG");
  EXPECT_TRUE(parser.started());
}

TEST_F(Parser, ShowsFieldsAsSent) {
  parser.feed(get("Host: a\r\nX-Two: 1\r\nx-two: 2\r\nCookie: s=1\r\n"));
  const Request& request = parser.request();
  ASSERT_EQ(request.fields.size(), 4u);
  EXPECT_EQ(request.fields[2].name, "x-two");
  EXPECT_EQ(request.field("X-TWO"), "1");
  EXPECT_EQ(request.cookie("s"), "1");
}

TEST_F(Parser, ReplacesTheHostFieldByTheTargetsAuthority) {
  parser.feed(line("GET http://shop?q HTTP/1.1"));
  EXPECT_EQ(parser.request().field("host"), "shop");
  EXPECT_EQ(parser.request().target, "/?q");
}

TEST_F(Parser, DropsTrailers) {
  parser.feed(chunked(""));
  parser.feed("0\r\nX-Late: 1\r\n\r\n");
  EXPECT_EQ(parser.request().field("x-late"), "");
}

TEST_F(Parser, FreesLargeBuffersOnReset) {
  const std::string large(20'000, 'x');
  parser.feed(get("Host: a\r\nX: " + large + "\r\n"));
  parser.reset();
  parser.feed(post("Content-Length: 20000\r\n", ""));
  parser.feed(large);
  ASSERT_EQ(parser.request().body, large);
  parser.reset();
  EXPECT_LE(parser.request().body.capacity(), 256u);
  EXPECT_LE(parser.request().fields.capacity(), 24u);
  EXPECT_EQ(parser.request().peer, nullptr);
}

TEST_F(Parser, DoesNotTrustTheAnnouncedLengthWithMemory) {
  parser.feed(post("Content-Length: 1048576\r\n", ""));
  EXPECT_LE(parser.request().body.capacity(), 20'000u);
}

}  // namespace
}  // namespace sluice::http
