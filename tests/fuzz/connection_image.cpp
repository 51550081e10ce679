#include <algorithm>
#include <cstdlib>

#include "server/connection_image.hpp"
#include "server/tls/record_layer.hpp"

using namespace sluice;

/// What is taken for a connection, from another owner, is written as it came, and can be gone on with.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto image = server::decode_connection_image({data, size});
  if (!image) return 0;
  tls::SecretBuffer bytes;
  if (!server::encode(*image, bytes) || !std::equal(bytes.begin(), bytes.end(), data, data + size))
    std::abort();
  static tls::AeadCache cache{8};
  tls::RecordLayer layer(image->tls.keys, cache);
  std::string received = image->tls.received, reply;
  layer.open({reinterpret_cast<std::uint8_t*>(received.data()), received.size()}, reply);
  std::uint8_t out[128];
  layer.seal(as_bytes("on"), out);
  return 0;
}
