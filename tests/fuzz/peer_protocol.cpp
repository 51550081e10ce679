#include <cstdlib>

#include "cluster/protocol.hpp"

using namespace sluice;
using namespace sluice::cluster;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

using Buffer = tls::SecretBuffer;

Buffer written(const Message& message) {
  Buffer out;
  append(message, out);
  return out;
}

}  // namespace

/// A stream in pieces, whose size is the first byte. What is understood is written, read and written again:
/// twice the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = data[0] + std::size_t{1};
  Inbox inbox;
  for (Bytes rest{data + 1, size - 1}; !rest.empty();) {
    const auto now = rest.first(std::min(piece, rest.size()));
    rest = rest.subspan(now.size());
    inbox.add(now);
    while (true) {
      const auto next = inbox.next();
      if (!next) return 0;
      if (!next->has_value()) break;
      if (std::holds_alternative<Unknown>(**next)) continue;
      const Buffer once = written(**next);
      const auto again = decode(once[4], Bytes{once}.subspan(kHeaderSize));
      require(again.has_value());
      require(written(*again) == once);
    }
  }
  return 0;
}
