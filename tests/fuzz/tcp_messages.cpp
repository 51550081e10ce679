#include <cstdlib>
#include <span>

#include "cluster/tcp/flip_protocol.hpp"
#include "cluster/tcp/frame.hpp"
#include "cluster/tcp/messages.hpp"
#include "cluster/tcp/nft_text.hpp"
#include "cluster/tcp/state.hpp"

using namespace sluice;
using namespace sluice::cluster::tcp;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void message(Bytes bytes) {
  for (const std::size_t descriptors : {0, 1}) {
    const auto message = decode(bytes, descriptors);
    if (message) require(std::ranges::equal(encode(*message), bytes));
  }
}

void state(Bytes bytes) {
  const auto state = decode_state(bytes);
  if (state) require(std::ranges::equal(encode(*state), bytes));
}

void frame(Bytes bytes) {
  const auto flow = flow_of_frame({bytes.begin(), bytes.end()});
  if (flow) require(flow->client.v4() == flow->local.v4());
}

/// With the secret, or nothing behind the MAC would be reached.
void order(Bytes bytes) {
  static const tls::SecretBytes secret{as_bytes("a secret of at least 32 bytes, as is asked for")};
  const auto order = open_order(bytes, secret);
  if (order) require(std::ranges::equal(seal(*order, secret), bytes));
  FlipOrder made{};
  ByteReader in{bytes};
  made.nonce = in.u64().value_or(0), made.time_ms = in.u64().value_or(0);
  FlipBook book;
  const auto now = in.u64().value_or(0);
  if (book.look(made, now).fresh) book.answered(made, FlipResult::done);
  const auto again = book.look(made, now);
  require(!again.fresh || again.answer == FlipResult::done);
}

void listing(Bytes bytes) {
  const std::string text(bytes.begin(), bytes.end());
  for (const auto& [flow, verdict] : nft_elements(text)) require(!key_text(flow).empty());
}

}  // namespace

/// The first byte chooses what the rest is taken for.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes rest{data + 1, size - 1};
  switch (data[0]) {
    case 'm': message(rest); break;
    case 's': state(rest); break;
    case 'f': frame(rest); break;
    case 'o': order(rest); break;
    case 'n': listing(rest); break;
    default: break;
  }
  return 0;
}
