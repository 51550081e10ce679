#include "server/tls/client_hello.hpp"

#include <algorithm>
#include <cstdlib>
#include <vector>

using namespace sluice;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool is_final(const boost::system::result<tls::Hello>& verdict) {
  return verdict || verdict.error() != tls::HelloError::need_more;
}

/// The same message in records of other sizes, as far as `bytes` are well-formed handshake records.
std::vector<std::uint8_t> recut(Bytes bytes, std::size_t fragment) {
  std::vector<std::uint8_t> message;
  while (bytes.size() >= 5 && bytes[0] == 22 && bytes[1] == 3) {
    const std::size_t length = static_cast<std::size_t>(bytes[3] << 8 | bytes[4]);
    if (length > bytes.size() - 5) break;
    message.insert(message.end(), bytes.begin() + 5, bytes.begin() + 5 + static_cast<std::ptrdiff_t>(length));
    bytes = bytes.subspan(5 + length);
  }
  std::vector<std::uint8_t> out;
  for (std::size_t at = 0; at < message.size(); at += fragment) {
    const std::size_t size = std::min(fragment, message.size() - at);
    out.insert(out.end(),
               {22, 3, 1, static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size & 255)});
    const auto from = message.begin() + static_cast<std::ptrdiff_t>(at);
    out.insert(out.end(), from, from + static_cast<std::ptrdiff_t>(size));
  }
  return out;
}

}  // namespace

/// Whatever a stranger sends first reaches classify(). A verdict on a prefix stays the verdict on the whole,
/// and a hello says the same in any records.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kMax = 4096;
  const Bytes all{data, size};
  const auto whole = tls::classify(all, kMax);
  const std::size_t steps = std::min<std::size_t>(size, 64);
  for (std::size_t i = 0; i < steps; ++i) {
    const auto prefix = tls::classify(all.first(size * i / steps), kMax);
    require(!is_final(prefix) || prefix == whole);
  }
  // The end of a complete hello, and nothing before it, settles it.
  if (whole) {
    for (std::size_t end = size; end-- > 0;) {
      const auto prefix = tls::classify(all.first(end), kMax);
      if (prefix) continue;
      require(prefix.error() == tls::HelloError::need_more);
      const auto message = recut(all.first(end + 1), 1 + size % 97);
      require(tls::classify(message, 10 * kMax) == whole);
      break;
    }
  }
  return 0;
}
