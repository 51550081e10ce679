#include <algorithm>
#include <cstdlib>

#include "server/tls/session_state.hpp"

using namespace sluice;
using namespace std::chrono_literals;

/// What is taken for a session, from another member, is written as it came.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto state = tls::decode_session_state({data, size}, WallSeconds{1'700'000'000s}, 12h);
  if (!state) return 0;
  tls::SecretBuffer bytes;
  tls::encode(*state, bytes);
  if (!std::equal(bytes.begin(), bytes.end(), data, data + size)) std::abort();
  return 0;
}
