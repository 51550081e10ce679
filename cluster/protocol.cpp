#include "cluster/protocol.hpp"

#include <algorithm>
#include <cstdlib>

namespace sluice::cluster {

namespace asio = boost::asio;

namespace {

using Writer = ByteWriter<tls::SecretBuffer>;

enum class Type : std::uint8_t {
  hello = 1,
  goodbye,
  digest,
  want_keys,
  keys,
  fetch,
  fetched,
  push,
  pushed,
  moved,
  prepare = kOptional,
  prepared,
  state,
  ready,
  commit,
  cancel,
};

/// Of one with its header.
constexpr std::size_t size_max(std::uint8_t type) noexcept {
  return static_cast<Type>(type) == Type::state ? kStateMax : kMessageMax;
}

constexpr std::string_view kMagic = "sluice";
constexpr std::uint8_t kIpv4 = 4, kIpv6 = 6;

// Writing. -----------------------------------------------------------------------------------------

Type write(const Hello& hello, Writer& out) {
  out.bytes(as_bytes(kMagic)).u8(hello.major).u8(hello.minor);
  out.vector(1, as_bytes(hello.name))
      .vector(1, as_bytes(hello.address))
      .u64(hello.incarnation)
      .u16(hello.service_port);
  return Type::hello;
}

Type write(const Goodbye& goodbye, Writer& out) {
  out.vector(1, as_bytes(std::string_view(goodbye.reason).substr(0, kTextMax)));
  return Type::goodbye;
}

Type write(const Digest& digest, Writer& out) {
  out.u8(static_cast<std::uint8_t>(digest.state)).vector(1, as_bytes(digest.policy));
  out.u32(digest.cpus_milli).u32(digest.idle_milli);
  out.u32(digest.live_sessions).u32(digest.room_sessions).u32(digest.spare_milli).u32(digest.stored_sessions);
  out.u64(digest.keys).u64(digest.clock_ms);
  out.u32(digest.connections).u32(digest.takes);
  return Type::digest;
}

Type write(const WantKeys&, Writer&) { return Type::want_keys; }

Type write(const Keys& keys, Writer& out) {
  out.u8(static_cast<std::uint8_t>(keys.keys.size()));
  for (const tls::TicketKey& key : keys.keys) {
    out.bytes(key.name).bytes({key.aes.data(), key.aes.size()}).bytes({key.hmac.data(), key.hmac.size()});
    out.u64(static_cast<std::uint64_t>(key.active_at.time_since_epoch().count())).u64(key.generation);
  }
  return Type::keys;
}

Type write(const Fetch& fetch, Writer& out) {
  out.u32(fetch.request).bytes(fetch.id);
  return Type::fetch;
}

Type write(const Fetched& fetched, Writer& out) {
  out.u32(fetched.request).u32(fetched.ask).vector(2, fetched.state.view());
  return Type::fetched;
}

Type write(const Push& push, Writer& out) {
  out.u32(push.request).u16(static_cast<std::uint16_t>(push.states.size()));
  for (const auto& state : push.states) out.vector(2, state.view());
  return Type::push;
}

Type write(const Pushed& pushed, Writer& out) {
  out.u32(pushed.request).u32(pushed.taken);
  return Type::pushed;
}

Type write(const Moved& moved, Writer& out) {
  out.u16(static_cast<std::uint16_t>(moved.words.size()));
  for (const auto& word : moved.words)
    out.bytes(word.id).u32(word.at).u64(
        static_cast<std::uint64_t>(word.expires_at.time_since_epoch().count()));
  return Type::moved;
}

void write_endpoint(const asio::ip::tcp::endpoint& endpoint, Writer& out) {
  const auto address = endpoint.address();
  if (address.is_v4()) out.u8(kIpv4).bytes(address.to_v4().to_bytes());
  if (address.is_v6()) out.u8(kIpv6).bytes(address.to_v6().to_bytes());
  out.u16(endpoint.port());
}

Type write(const Prepare& prepare, Writer& out) {
  out.u64(prepare.handover).u8(static_cast<std::uint8_t>(prepare.transport));
  write_endpoint(prepare.client, out);
  write_endpoint(prepare.local, out);
  out.u32(prepare.image_size).vector(1, as_bytes(prepare.place));
  return Type::prepare;
}

Type write(const Prepared& prepared, Writer& out) {
  out.u64(prepared.handover).vector(1, as_bytes(prepared.place));
  return Type::prepared;
}

Type write(const State& state, Writer& out) {
  if (state.image.size() > State::kImageMax || state.tcp.size() > State::kTcpMax) std::abort();
  out.u64(state.handover).vector(4, state.image.view()).vector(4, state.tcp.view());
  return Type::state;
}

Type write(const Ready& ready, Writer& out) {
  out.u64(ready.handover);
  return Type::ready;
}

Type write(const Commit& commit, Writer& out) {
  out.u64(commit.handover);
  return Type::commit;
}

Type write(const Cancel& cancel, Writer& out) {
  out.u64(cancel.handover).u8(static_cast<std::uint8_t>(cancel.from));
  out.vector(1, as_bytes(std::string_view(cancel.reason).substr(0, kTextMax)));
  return Type::cancel;
}

Type write(const Unknown&, Writer&) { std::abort(); }

// Reading. -----------------------------------------------------------------------------------------

Message read_hello(Fields& in) {
  in.require(std::ranges::equal(in.take(kMagic.size()), kMagic));
  Hello hello{.major = in.u8(), .minor = in.u8()};
  if (hello.major != kMajor) return hello;  // what follows is not ours to read
  hello.name = in.text(), hello.address = in.text(), hello.incarnation = in.u64();
  hello.service_port = in.u16();
  in.require(!hello.name.empty());
  return hello;
}

Message read_digest(Fields& in) {
  Digest digest;
  const auto state = in.u8();
  in.require(state == 1 || state == 2);
  digest.state = static_cast<MemberState>(state);
  digest.policy = in.text();
  digest.cpus_milli = in.u32(), digest.idle_milli = in.u32();
  digest.live_sessions = in.u32(), digest.room_sessions = in.u32(), digest.spare_milli = in.u32(),
  digest.stored_sessions = in.u32();
  digest.keys = in.u64(), digest.clock_ms = in.u64();
  if (in.empty()) return digest;  // of 1.0
  digest.connections = in.u32(), digest.takes = in.u32();
  return digest;
}

WallSeconds read_time(Fields& in) {
  const auto seconds = in.u64();
  in.require(seconds <= INT64_MAX);
  return WallSeconds{std::chrono::seconds{static_cast<std::int64_t>(seconds)}};
}

tls::TicketKey read_key(Fields& in) {
  tls::TicketKey key;
  std::ranges::copy(in.take(key.name.size()), key.name.begin());
  std::ranges::copy(in.take(key.aes.size()), key.aes.data());
  std::ranges::copy(in.take(key.hmac.size()), key.hmac.data());
  key.active_at = read_time(in);
  key.generation = in.u64();
  in.require(key.generation <= INT64_MAX);
  return key;
}

Message read_keys(Fields& in) {
  const std::size_t count = in.u8();
  in.require(count <= tls::TicketKeyRing::kKeysMax);
  Keys keys;
  keys.keys.reserve(in.good() ? count : 0);
  for (std::size_t i = 0; i < count && in.good(); ++i) keys.keys.push_back(read_key(in));
  return keys;
}

tls::SessionIdBytes read_id(Fields& in) {
  tls::SessionIdBytes id{};
  std::ranges::copy(in.take(id.size()), id.begin());
  return id;
}

Message read_fetched(Fields& in) {
  Fetched fetched{.request = in.u32(), .ask = in.u32()};
  fetched.state = tls::SecretBytes{in.vector(2)};
  return fetched;
}

Message read_push(Fields& in) {
  Push push{.request = in.u32()};
  const std::size_t count = in.u16();
  for (std::size_t i = 0; i < count && in.good(); ++i) push.states.emplace_back(in.vector(2));
  return push;
}

Message read_moved(Fields& in) {
  Moved moved;
  const std::size_t count = in.u16();
  for (std::size_t i = 0; i < count && in.good(); ++i) {
    moved.words.push_back({.id = read_id(in), .at = in.u32(), .expires_at = read_time(in)});
  }
  return moved;
}

HandoverId read_handover(Fields& in) {
  const HandoverId id = in.u64();
  in.require(id != 0);
  return id;
}

template <class Address>
asio::ip::address read_address(Fields& in) {
  typename Address::bytes_type bytes{};
  std::ranges::copy(in.take(bytes.size()), bytes.begin());
  return Address{bytes};
}

asio::ip::tcp::endpoint read_endpoint(Fields& in) {
  const auto family = in.u8();
  in.require(family == kIpv4 || family == kIpv6);
  const auto address =
      family == kIpv6 ? read_address<asio::ip::address_v6>(in) : read_address<asio::ip::address_v4>(in);
  return {address, in.u16()};
}

Message read_prepare(Fields& in) {
  Prepare prepare{.handover = read_handover(in), .transport = static_cast<Transport>(in.u8())};
  prepare.client = read_endpoint(in), prepare.local = read_endpoint(in);
  prepare.image_size = in.u32();
  prepare.place = in.text();
  return prepare;
}

Message read_state(Fields& in) {
  State state{.handover = read_handover(in)};
  state.image = tls::SecretBytes{in.vector_upto(State::kImageMax)};
  state.tcp = tls::SecretBytes{in.vector_upto(State::kTcpMax)};
  return state;
}

Message read_cancel(Fields& in) {
  Cancel cancel{.handover = read_handover(in)};
  const auto side = in.u8();
  in.require(side == 1 || side == 2);
  cancel.from = static_cast<Cancel::Side>(side);
  cancel.reason = in.text();
  return cancel;
}

class Category final : public ErrorCategory {
 public:
  const char* name() const noexcept override { return "sluice.peer"; }
  std::string message(int value) const override {
    switch (static_cast<ProtocolError>(value)) {
      case ProtocolError::too_long: return "a message is longer than one of its type may be";
      case ProtocolError::malformed: return "a message is malformed";
      case ProtocolError::unknown_type: return "a message is of an unknown type";
      case ProtocolError::not_a_hello: return "the first message is not a hello";
    }
    return "unknown error";
  }
};

}  // namespace

const boost::system::error_category& protocol_category() noexcept {
  static const Category category;
  return category;
}

boost::system::error_code make_error_code(ProtocolError error) noexcept {
  return {static_cast<int>(error), protocol_category()};
}

void append(const Message& message, tls::SecretBuffer& out) {
  const std::size_t start = out.size();
  Writer writer(out);
  writer.u32(0).u8(0);
  const Type type = std::visit([&](const auto& body) { return write(body, writer); }, message);
  const std::size_t size = out.size() - start;
  if (size > size_max(static_cast<std::uint8_t>(type))) std::abort();
  for (std::size_t i = 0; i < 4; ++i) out[start + i] = static_cast<std::uint8_t>((size - 4) >> (24 - 8 * i));
  out[start + 4] = static_cast<std::uint8_t>(type);
}

boost::system::result<Message> decode(std::uint8_t type, Bytes body) {
  Fields in{body};
  Message message;
  switch (static_cast<Type>(type)) {
    case Type::hello: message = read_hello(in); break;
    case Type::goodbye: message = Goodbye{in.text()}; break;
    case Type::digest: message = read_digest(in); break;
    case Type::want_keys: message = WantKeys{}; break;
    case Type::keys: message = read_keys(in); break;
    case Type::fetch: message = Fetch{.request = in.u32(), .id = read_id(in)}; break;
    case Type::fetched: message = read_fetched(in); break;
    case Type::push: message = read_push(in); break;
    case Type::pushed: message = Pushed{.request = in.u32(), .taken = in.u32()}; break;
    case Type::moved: message = read_moved(in); break;
    case Type::prepare: message = read_prepare(in); break;
    case Type::prepared: message = Prepared{.handover = read_handover(in), .place = in.text()}; break;
    case Type::state: message = read_state(in); break;
    case Type::ready: message = Ready{read_handover(in)}; break;
    case Type::commit: message = Commit{read_handover(in)}; break;
    case Type::cancel: message = read_cancel(in); break;
    default:
      if (type < kOptional) return make_error_code(ProtocolError::unknown_type);
      message = Unknown{type};
  }
  if (!in.good()) return make_error_code(ProtocolError::malformed);
  return message;
}

boost::system::result<std::optional<Message>> Inbox::next() {
  ByteReader in{Bytes{buffer_}.subspan(taken_)};
  const auto length = in.u32();
  if (length && *length == 0) return make_error_code(ProtocolError::malformed);
  // Before its type is here the longest of any.
  const std::size_t bound = in.empty() ? kStateMax : size_max(in.rest().front());
  if (length && *length > bound - 4) return make_error_code(ProtocolError::too_long);
  const auto frame = length ? in.take(*length) : std::nullopt;
  if (!frame) {
    forget_taken();
    return std::optional<Message>{};
  }
  taken_ += 4 + frame->size();
  auto message = decode(frame->front(), frame->subspan(1));
  if (!message) return message.error();
  return std::optional<Message>{*std::move(message)};
}

void Inbox::forget_taken() {
  const Bytes rest = Bytes{buffer_}.subspan(taken_);
  const bool roomy = buffer_.capacity() > 2 * kMessageMax && rest.size() < kMessageMax;
  if (roomy && taken_ > 0) {  // a State has gone
    buffer_ = tls::SecretBuffer(rest.begin(), rest.end());
  } else {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(taken_));
  }
  taken_ = 0;
}

}  // namespace sluice::cluster
