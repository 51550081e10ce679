#include "cluster/tcp/state.hpp"

#include <functional>

#include <gtest/gtest.h>

#include "tests/unit/cluster_tcp/samples.hpp"

namespace sluice::cluster::tcp {
namespace {

TcpState sample() {
  return {.flow = flow_v6(),
          .home = at("10.0.0.1:7950"),
          .moves = 3,
          .send_seq = 0xffff'fffe,
          .receive_seq = 7,
          .mss = 1440,
          .sack = true,
          .timestamps = true,
          .window_scaling = true,
          .send_scale = 14,
          .receive_scale = 7,
          .timestamp = 123'456,
          .send_wl1 = 1,
          .send_window = 65'535U << 14,
          .max_window = 65'535U << 14,
          .receive_window = 5,
          .receive_wup = 6,
          .receive_buffer = 131'072,
          .congestion = "cubic",
          .unacked = {1, 2, 3},
          .received = {4, 5}};
}

TEST(TcpStateBytes, ReadsWhatItWrites) {
  EXPECT_EQ(decode_state(encode(sample())), sample());
  TcpState plain{.flow = flow_v4(), .mss = 536};
  EXPECT_EQ(decode_state(encode(plain)), plain);
}

TEST(TcpStateBytes, FullQueuesFit) {
  TcpState state = sample();
  state.unacked.assign(kQueueMax, 1);
  state.received.assign(kQueueMax, 2);
  const auto bytes = encode(state);
  EXPECT_LE(bytes.size(), kStateMax);
  EXPECT_EQ(decode_state(bytes), state);
}

TEST(TcpStateBytes, NothingShorterOrLongerIsTaken) {
  auto bytes = encode(sample());
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(decode_state(Bytes{bytes}.first(size))) << size;
  bytes.push_back(0);
  EXPECT_FALSE(decode_state(bytes));
}

struct BadState {
  const char* name;
  std::function<void(TcpState&)> spoil;
};
class Bad : public testing::TestWithParam<BadState> {};

TEST_P(Bad, IsRefused) {
  TcpState state = sample();
  GetParam().spoil(state);
  EXPECT_FALSE(decode_state(encode(state)));
}

INSTANTIATE_TEST_SUITE_P(
    TcpStateBytes, Bad,
    testing::Values(BadState{"TwoFamilies", [](TcpState& s) { s.flow.client = flow_v4().client; }},
                    BadState{"NoPort", [](TcpState& s) { s.flow.local.port = 0; }},
                    BadState{"NoSegment", [](TcpState& s) { s.mss = 1; }},
                    BadState{"ScaleOfFifteen", [](TcpState& s) { s.receive_scale = 15; }},
                    BadState{"WindowOfTwoGigabytes", [](TcpState& s) { s.send_window = 1U << 31; }},
                    BadState{"BufferOfFourGigabytes", [](TcpState& s) { s.receive_buffer = ~0U; }},
                    BadState{"CongestionWithASlash", [](TcpState& s) { s.congestion = "../x"; }},
                    BadState{"LongCongestion", [](TcpState& s) { s.congestion = "sixteen_letters_"; }}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(TcpStateBytesDeath, LongerQueuesAreNotWritten) {
  TcpState state = sample();
  state.unacked.resize(kQueueMax + 1);
  EXPECT_DEATH(encode(state), "");
}

}  // namespace
}  // namespace sluice::cluster::tcp
