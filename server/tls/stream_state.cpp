#include "server/tls/stream_state.hpp"

#include <algorithm>

#include "server/tls/record_layer.hpp"

namespace sluice::tls {

namespace {

constexpr std::size_t kReceivedMax = kRecordMax;
/// What the output buffer of a stream has room for, and for an alert behind it.
constexpr std::size_t kUnsentMax = 90 * 1024;

/// Of the secrets only what the suite uses.
void encode_keys(const RecordKeys& keys, ByteWriter<SecretBuffer>& writer) {
  const Suite& suite = keys.suite;
  writer.vector(1, {keys.secret.data(), suite.tls13() ? suite.hash_size() : 0});
  writer.vector(1, {keys.key.data(), suite.key_size()});
  writer.vector(1, {keys.iv.data(), suite.iv_size()});
  writer.u64(keys.sequence).u64(suite.explicit_nonce() ? keys.explicit_nonce : 0);
}

bool decode_keys(ByteReader& reader, const Suite& suite, RecordKeys& keys) {
  const auto secret = reader.vector(1);
  const auto key = reader.vector(1);
  const auto iv = reader.vector(1);
  const auto sequence = reader.u64();
  const auto explicit_nonce = reader.u64();
  if (!secret || !key || !iv || !sequence || !explicit_nonce) return false;
  if (secret->size() != (suite.tls13() ? suite.hash_size() : 0)) return false;
  if (key->size() != suite.key_size() || iv->size() != suite.iv_size()) return false;
  if (!suite.explicit_nonce() && *explicit_nonce != 0) return false;
  keys.suite = suite;
  std::ranges::copy(*secret, keys.secret.data());
  std::ranges::copy(*key, keys.key.data());
  std::ranges::copy(*iv, keys.iv.data());
  keys.sequence = *sequence;
  keys.explicit_nonce = *explicit_nonce;
  return true;
}

}  // namespace

void encode(const StreamState& state, SecretBuffer& out) {
  ByteWriter writer(out);
  writer.u16(state.keys.read.suite.id);
  encode_keys(state.keys.read, writer);
  encode_keys(state.keys.write, writer);
  writer.vector(2, as_bytes(state.received)).vector(3, as_bytes(state.unsent));
  writer.vector(1, state.session_id ? Bytes{*state.session_id} : Bytes{}).u8(state.resumed ? 1 : 0);
}

std::optional<StreamState> decode_stream_state(ByteReader& reader) {
  StreamState state;
  const auto id = reader.u16();
  const auto suite = id ? suite_of(*id) : std::nullopt;
  if (!suite) return std::nullopt;
  if (!decode_keys(reader, *suite, state.keys.read) || !decode_keys(reader, *suite, state.keys.write))
    return std::nullopt;
  const auto received = reader.vector(2);
  const auto unsent = reader.vector(3);
  const auto session_id = reader.vector(1);
  const auto resumed = reader.u8();
  if (!received || !unsent || !session_id || !resumed || *resumed > 1) return std::nullopt;
  if (received->size() > kReceivedMax || unsent->size() > kUnsentMax) return std::nullopt;
  if (!session_id->empty()) {
    if (session_id->size() != kSessionIdSize) return std::nullopt;
    std::ranges::copy(*session_id, state.session_id.emplace().begin());
  }
  state.received = to_text(*received);
  state.unsent = to_text(*unsent);
  state.resumed = *resumed == 1;
  return state;
}

}  // namespace sluice::tls
