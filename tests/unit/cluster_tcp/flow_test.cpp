#include "cluster/tcp/flow.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <gtest/gtest.h>

#include "base/descriptor.hpp"
#include "cluster/tcp/sockaddr.hpp"
#include "tests/unit/cluster_tcp/samples.hpp"

namespace sluice::cluster::tcp {
namespace {

TEST(TcpEndpoint, IsReadAsItIsWritten) {
  for (const char* text : {"10.0.0.1:8443", "[2001:db8::1]:443", "0.0.0.0:1", "[::1]:65535"})
    EXPECT_EQ(text_of(at(text)), text);
  EXPECT_TRUE(at("10.0.0.1:1").v4());
  EXPECT_FALSE(at("[::1]:1").v4());
}

TEST(TcpEndpoint, IsNotSomethingElse) {
  for (const char* text : {"", "10.0.0.1", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:-1",
                           "host:1", "::1:443", "[10.0.0.1]:1", "[]:1", "10.0.0.1:1x", "10.0.0.256:1"})
    EXPECT_FALSE(endpoint_of(std::string_view(text))) << text;
}

TEST(TcpPlace, ReadsWhatItWrites) {
  const Place place{.mac = {2, 3, 4, 5, 6, 7}, .director = at("[2001:db8::1]:7950")};
  EXPECT_EQ(place_of(to_bytes(place)), place);
  EXPECT_EQ(place_of(PlaceBytes{}), Place{});
}

TEST(TcpFlow, IsWhatASocketSays) {
  const Descriptor listener{::socket(AF_INET, SOCK_STREAM, 0)}, client{::socket(AF_INET, SOCK_STREAM, 0)};
  const SocketAddress any(at("127.0.0.1:1"));
  sockaddr_in address = *reinterpret_cast<const sockaddr_in*>(any.data());
  address.sin_port = 0;
  socklen_t length = sizeof address;
  auto* const name = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(listener.get(), name, length), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  ASSERT_EQ(::getsockname(listener.get(), name, &length), 0);
  EXPECT_FALSE(flow_of(client.get())) << "it is not connected";
  ASSERT_EQ(::connect(client.get(), name, length), 0);
  const Descriptor accepted{::accept(listener.get(), nullptr, nullptr)};
  const auto here = flow_of(accepted.get()), there = flow_of(client.get());
  ASSERT_TRUE(here && there);
  EXPECT_EQ(here->client, there->local);
  EXPECT_EQ(here->local, there->client);
  EXPECT_TRUE(here->v4());
}

TEST(TcpFlow, IsNotOfSomethingElse) {
  EXPECT_FALSE(flow_of(-1));
  EXPECT_FALSE(flow_of(STDIN_FILENO));
  const Descriptor udp{::socket(AF_INET, SOCK_DGRAM, 0)};
  EXPECT_FALSE(flow_of(udp.get()));
}

}  // namespace
}  // namespace sluice::cluster::tcp
