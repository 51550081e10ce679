#include "loadgen/io/attack_reply.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace sluice::loadgen {
namespace {

using Seen = ReplyScan::Seen;
using namespace std::string_literals;

struct ReplyCase {
  const char* name;
  std::string bytes;
  Seen expected;
};
class Reply : public testing::TestWithParam<ReplyCase> {};

TEST_P(Reply, SaysTheSameInPiecesOfAnySize) {
  const auto& [name, bytes, expected] = GetParam();
  for (std::size_t piece = 1; piece <= bytes.size() + 1; ++piece) {
    ReplyScan scan;
    auto seen = Seen::nothing;
    for (std::size_t at = 0; at < bytes.size(); at += piece)
      seen = scan.feed(as_bytes(std::string_view(bytes).substr(at, piece)));
    EXPECT_EQ(seen, expected) << name << " in pieces of " << piece;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Attack, Reply,
    testing::Values(ReplyCase{"Nothing", "", Seen::nothing},
                    ReplyCase{"ServerHello", "\x16\x03\x03\x00\x04\x02"s, Seen::handshake},
                    ReplyCase{"HalfAHeader", "\x16\x03\x03\x00"s, Seen::nothing},
                    ReplyCase{"FatalAlert", "\x15\x03\x03\x00\x02\x02\x28"s, Seen::fatal_alert},
                    ReplyCase{"Warning", "\x15\x03\x03\x00\x02\x01\x00"s, Seen::nothing},
                    ReplyCase{"HelloBehindAWarning", "\x15\x03\x03\x00\x02\x01\x70\x16\x03\x03\x00\x04\x02"s,
                              Seen::handshake},
                    ReplyCase{"AlertBehindAWarning",
                              "\x15\x03\x03\x00\x02\x01\x70\x15\x03\x03\x00\x02\x02\x28"s, Seen::fatal_alert},
                    ReplyCase{"EncryptedAlert", "\x15\x03\x03\x00\x1a\x00\x00\x00"s, Seen::fatal_alert},
                    ReplyCase{"Http", "HTTP/1.1 400 Bad Request\r\n", Seen::foreign},
                    ReplyCase{"ApplicationData", "\x17\x03\x03\x00\x10"s, Seen::foreign},
                    ReplyCase{"EmptyRecord", "\x15\x03\x03\x00\x00"s, Seen::foreign},
                    ReplyCase{"AnotherProtocol", "\x16\x05\x03\x00\x01"s, Seen::foreign},
                    ReplyCase{"TheFirstVerdictStays", "\x16\x03\x03\x00\x01\x15\x03\x03\x00\x02\x02"s,
                              Seen::handshake}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace sluice::loadgen
