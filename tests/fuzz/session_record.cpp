#include "admission/session_record.hpp"

#include <algorithm>
#include <cstdlib>

using namespace sluice;

/// A record comes out of a ticket whose MAC was right, or from another instance: still foreign bytes. What is
/// read is written back to the bit, so that two records never look the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes{data, size};
  const auto record = admission::decode_session_record(bytes);
  if (!record) return 0;
  const admission::EncodedSessionRecord encoded = admission::encode(*record);
  if (!std::ranges::equal(encoded, bytes)) std::abort();
  if (admission::decode_session_record(encoded) != record) std::abort();
  return 0;
}
