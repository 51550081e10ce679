#include <cstdlib>

#include "cluster/etcd_directory.hpp"

using namespace sluice::cluster;

/// Whatever etcd answers, to whatever was asked.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  static_cast<void>(etcd::read_grant(text));
  static_cast<void>(etcd::read_keepalive(text));
  static_cast<void>(etcd::read_done(text));
  static_cast<void>(etcd::parse_endpoint(text));
  etcd::Directory directory("/m/", "a", 8);
  if (const auto list = etcd::read_range(text)) directory.take(*list);
  if (const auto watched = etcd::read_watch(text)) directory.take(*watched);
  if (directory.addresses().size() > 8) std::abort();
  return 0;
}
