#include "cluster/tcp/flip_protocol.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "cluster/tcp/messages.hpp"

namespace sluice::cluster::tcp {

namespace {

constexpr std::uint8_t kFlipVersion = 1, kOrder = 1, kAnswer = 2;
constexpr std::size_t kMacSize = 32;
constexpr std::uint64_t kAgeMs = std::chrono::milliseconds{kOrderAge}.count();

using Mac256 = std::array<std::uint8_t, kMacSize>;

Mac256 mac_of(Bytes bytes, const tls::SecretBytes& secret) {
  Mac256 mac{};
  unsigned length = 0;
  if (HMAC(EVP_sha256(), secret.view().data(), static_cast<int>(secret.size()), bytes.data(), bytes.size(),
           mac.data(), &length) == nullptr)
    std::abort();
  return mac;
}

std::vector<std::uint8_t> sealed(std::vector<std::uint8_t> bytes, const tls::SecretBytes& secret) {
  const Mac256 mac = mac_of(bytes, secret);
  bytes.insert(bytes.end(), mac.begin(), mac.end());
  return bytes;
}

/// The fields, once their MAC is verified.
std::optional<Fields> opened(Bytes datagram, std::size_t size, std::uint8_t kind,
                             const tls::SecretBytes& secret) {
  if (datagram.size() != size) return std::nullopt;
  const Bytes body = datagram.first(size - kMacSize);
  const Mac256 mac = mac_of(body, secret);
  if (CRYPTO_memcmp(mac.data(), datagram.data() + body.size(), kMacSize) != 0) return std::nullopt;
  Fields in{body};
  in.require(in.u8() == kFlipVersion);
  in.require(in.u8() == kind);
  return in;
}

}  // namespace

const char* text_of(FlipResult result) noexcept {
  switch (result) {
    case FlipResult::done: return "done";
    case FlipResult::stale: return "a later move of the flow is known there";
    case FlipResult::not_ours: return "clients don't come to that address there";
    case FlipResult::busy: return "the flow is being moved from there";
    case FlipResult::full: return "too many flows are redirected there";
    case FlipResult::count: break;
  }
  return "the answer is none";
}

std::vector<std::uint8_t> seal(const FlipOrder& order, const tls::SecretBytes& secret) {
  std::vector<std::uint8_t> bytes;
  ByteWriter<std::vector<std::uint8_t>> out(bytes);
  out.u8(kFlipVersion).u8(kOrder).u64(order.nonce).u64(order.time_ms);
  append(order.flip.flow, out);
  out.bytes(order.flip.mac).u16(order.flip.moves);
  return sealed(std::move(bytes), secret);
}

std::vector<std::uint8_t> seal(const FlipAnswer& answer, const tls::SecretBytes& secret) {
  std::vector<std::uint8_t> bytes;
  ByteWriter<std::vector<std::uint8_t>> out(bytes);
  out.u8(kFlipVersion).u8(kAnswer).u64(answer.nonce).u8(static_cast<std::uint8_t>(answer.result));
  return sealed(std::move(bytes), secret);
}

std::optional<FlipOrder> open_order(Bytes datagram, const tls::SecretBytes& secret) {
  auto in = opened(datagram, kOrderSize, kOrder, secret);
  if (!in) return std::nullopt;
  FlipOrder order{.nonce = in->u64(), .time_ms = in->u64()};
  order.flip.flow = read_flow(*in);
  std::ranges::copy(in->take(order.flip.mac.size()), order.flip.mac.begin());
  order.flip.moves = in->u16();
  in->require((order.flip.mac[0] & 1) == 0);  // a group has no connection
  return in->good() ? std::optional(order) : std::nullopt;
}

std::optional<FlipAnswer> open_answer(Bytes datagram, const tls::SecretBytes& secret) {
  auto in = opened(datagram, kAnswerSize, kAnswer, secret);
  if (!in) return std::nullopt;
  FlipAnswer answer{.nonce = in->u64()};
  const auto result = in->u8();
  in->require(result < static_cast<std::uint8_t>(FlipResult::count));
  answer.result = static_cast<FlipResult>(result);
  return in->good() ? std::optional(answer) : std::nullopt;
}

FlipBook::Look FlipBook::look(const FlipOrder& order, std::uint64_t now_ms) {
  forget_before(now_ms < kAgeMs ? 0 : now_ms - kAgeMs);
  if (order.time_ms + kAgeMs < now_ms || order.time_ms > now_ms + kAgeMs) return {.fresh = false};
  const auto known = orders_.find({order.time_ms, order.nonce});
  if (known != orders_.end()) return {.answer = known->second.result};
  if (orders_.size() >= kMost) return {.answer = FlipResult::full};
  const auto last = moves_.find(order.flip.flow);
  if (last != moves_.end() && last->second > order.flip.moves) return {.answer = FlipResult::stale};
  return {};
}

void FlipBook::answered(const FlipOrder& order, FlipResult result) {
  orders_[{order.time_ms, order.nonce}] = {order.flip.flow, order.flip.moves, result};
  if (result == FlipResult::done) moves_[order.flip.flow] = order.flip.moves;
}

void FlipBook::forget_before(std::uint64_t time_ms) {
  while (!orders_.empty() && orders_.begin()->first.first < time_ms) {
    const Answered& oldest = orders_.begin()->second;
    const auto last = moves_.find(oldest.flow);
    if (last != moves_.end() && last->second == oldest.moves) moves_.erase(last);
    orders_.erase(orders_.begin());
  }
}

}  // namespace sluice::cluster::tcp
