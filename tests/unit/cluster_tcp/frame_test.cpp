#include "cluster/tcp/frame.hpp"

#include <gtest/gtest.h>

#include "tests/unit/cluster_tcp/samples.hpp"

namespace sluice::cluster::tcp {
namespace {

Frame frame_of(const std::string& hex) {
  const std::string bytes = from_hex(std::string(2 * kOffloadHeader, '0') + hex).value();
  return {bytes.begin(), bytes.end()};
}

const std::string kEthernet =
    "020000000002"
    "020000000001";
const std::string kIpv4 =
    "0800"
    "4500002800000000400600000a0000010a000009";
const std::string kIpv6 =
    "86dd"
    "6000000000140640"
    "20010db8000000000000000000000001"
    "20010db8000000000000000000000009";
const std::string kTcp = "9c4001bb";

TEST(TcpFrame, ShowsItsFlow) {
  EXPECT_EQ(flow_of_frame(frame_of(kEthernet + kIpv4 + kTcp)), flow_v4());
  EXPECT_EQ(flow_of_frame(frame_of(kEthernet + kIpv6 + kTcp)), flow_v6());
  EXPECT_EQ(source_of(frame_of(kEthernet)), (Mac{2, 0, 0, 0, 0, 1}));
}

TEST(TcpFrame, OptionsOfIpAreSkipped) {
  std::string ip = kIpv4;
  ip[5] = '6';  // a header of six words
  EXPECT_EQ(flow_of_frame(frame_of(kEthernet + ip + "01010101" + kTcp)), flow_v4());
}

TEST(TcpFrame, NothingShorterHasOne) {
  for (const auto& ip : {kIpv4, kIpv6}) {
    const Frame whole = frame_of(kEthernet + ip + kTcp);
    for (std::size_t size = 0; size < whole.size(); ++size)
      EXPECT_FALSE(flow_of_frame({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)})) << size;
  }
}

TEST(TcpFrame, MappedAddressesOnTheNetworkAreNotThoseOfIpv4) {
  std::string ip = kIpv6;
  ip.replace(4 + 16, 32, "00000000000000000000ffff0a000001");
  EXPECT_FALSE(flow_of_frame(frame_of(kEthernet + ip + kTcp)));
}

TEST(TcpFrame, OthersHaveNone) {
  EXPECT_FALSE(flow_of_frame(frame_of(kEthernet + "0806" + kIpv4.substr(4) + kTcp))) << "ARP";
  std::string udp = kIpv4;
  udp.replace(4 + 18, 2, "11");
  EXPECT_FALSE(flow_of_frame(frame_of(kEthernet + udp + kTcp)));
  std::string short_header = kIpv4;
  short_header[5] = '4';
  EXPECT_FALSE(flow_of_frame(frame_of(kEthernet + short_header + kTcp)));
}

}  // namespace
}  // namespace sluice::cluster::tcp
