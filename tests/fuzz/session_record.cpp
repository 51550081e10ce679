#include "admission/session_record.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

using namespace sluice::admission;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

/// Bytes that are a record are the only ones that are this record: encoding it gives them back.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto record = decode_session_record({data, size});
  if (!record) return 0;
  const auto bytes = encode(*record);
  require(std::equal(bytes.begin(), bytes.end(), data, data + size));
  require(decode_session_record(bytes) == record);
  return 0;
}
