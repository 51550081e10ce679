#include "cluster/tcp/nft_text.hpp"

#include <gtest/gtest.h>

#include "tests/unit/cluster_tcp/samples.hpp"

namespace sluice::cluster::tcp {
namespace {

TEST(NftText, KeysAreThoseOfTheSets) {
  EXPECT_EQ(key_text(flow_v4()), "10.0.0.1 . 40000 . 10.0.0.9 . 443");
  EXPECT_EQ(key_text(flow_v6()), "2001:db8::1 . 40000 . 2001:db8::9 . 443");
}

TEST(NftText, AChainNamesItsMember) {
  const Mac mac{2, 0, 0xab, 0, 0, 1};
  EXPECT_EQ(mac_of_chain(nft_chain(mac)), mac);
  for (const char* name : {"", "to_", "to_02", "to_0200ab000001ff", "away_0200ab000001", "to_0200ab00000x"})
    EXPECT_FALSE(mac_of_chain(name)) << name;
}

TEST(NftText, ElementsAreReadAsTheyAreListed) {
  const auto found = nft_elements(R"(table netdev sluice_eth0 {
	map redirects4 {
		type ipv4_addr . inet_service . ipv4_addr . inet_service : verdict
		elements = { 10.0.0.1 . 40000 . 10.0.0.9 . 443 timeout 10s expires 9s988ms : goto to_020000000001,
			     10.0.0.2 . 40000 . 10.0.0.9 . 443 : goto to_020000000002 }
	}
})");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].first, flow_v4());
  EXPECT_EQ(found[0].second, "to_020000000001");
  EXPECT_EQ(found[1].second, "to_020000000002");
}

TEST(NftText, ElementsOfIpv6AreReadToo) {
  const auto found =
      nft_elements("elements = { 2001:db8::1 . 40000 . 2001:db8::9 . 443 timeout 1h expires 59m59s }");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].first, flow_v6());
}

TEST(NftText, WhatIsNoneIsLeftOut) {
  EXPECT_TRUE(nft_elements("").empty());
  EXPECT_TRUE(nft_elements("elements = {").empty());
  EXPECT_TRUE(nft_elements("elements = { , 10.0.0.1 . x . 10.0.0.9 . 443, a }").empty());
}

}  // namespace
}  // namespace sluice::cluster::tcp
