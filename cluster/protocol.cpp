#include "cluster/protocol.hpp"

#include <algorithm>
#include <cstdlib>

namespace sluice::cluster {

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
};

constexpr std::string_view kMagic = "sluice";

std::string text_of(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

// Writing. -----------------------------------------------------------------------------------------

Type write(const Hello& hello, Writer& out) {
  out.bytes(as_bytes(kMagic)).u8(hello.major).u8(hello.minor);
  out.vector(1, as_bytes(hello.name)).vector(1, as_bytes(hello.address)).u64(hello.incarnation);
  return Type::hello;
}

Type write(const Goodbye& goodbye, Writer& out) {
  out.vector(1, as_bytes(std::string_view(goodbye.reason).substr(0, kTextMax)));
  return Type::goodbye;
}

Type write(const Digest& digest, Writer& out) {
  out.u8(static_cast<std::uint8_t>(digest.state)).vector(1, as_bytes(digest.policy));
  out.u32(digest.cpus_milli).u32(digest.idle_milli);
  out.u32(digest.live_sessions).u32(digest.room_sessions).u32(digest.stored_sessions);
  out.u64(digest.keys).u64(digest.clock_ms);
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
  out.u32(moved.to).u16(static_cast<std::uint16_t>(moved.ids.size()));
  for (const auto& id : moved.ids) out.bytes(id);
  return Type::moved;
}

Type write(const Unknown&, Writer&) { std::abort(); }

// Reading: nullopt is "malformed". -----------------------------------------------------------------

std::optional<Message> read_hello(ByteReader& in) {
  const auto magic = in.take(kMagic.size());
  const auto major = in.u8(), minor = in.u8();
  if (!magic || !std::ranges::equal(*magic, kMagic) || !minor) return std::nullopt;
  Hello hello{.major = *major, .minor = *minor};
  if (hello.major != kMajor) return hello;  // what follows is not ours to read
  const auto name = in.vector(1), address = in.vector(1);
  const auto incarnation = in.u64();
  if (!incarnation || name->empty()) return std::nullopt;
  hello.name = text_of(*name), hello.address = text_of(*address), hello.incarnation = *incarnation;
  return hello;
}

std::optional<Message> read_goodbye(ByteReader& in) {
  const auto reason = in.vector(1);
  return reason ? std::optional<Message>(Goodbye{text_of(*reason)}) : std::nullopt;
}

std::optional<Message> read_digest(ByteReader& in) {
  const auto state = in.u8();
  const auto policy = in.vector(1);
  const auto cpus = in.u32(), idle = in.u32(), live = in.u32(), room = in.u32(), stored = in.u32();
  const auto keys = in.u64(), clock = in.u64();
  if (!clock || *state < 1 || *state > 2) return std::nullopt;
  return Digest{.state = static_cast<MemberState>(*state),
                .policy = text_of(*policy),
                .cpus_milli = *cpus,
                .idle_milli = *idle,
                .live_sessions = *live,
                .room_sessions = *room,
                .stored_sessions = *stored,
                .keys = *keys,
                .clock_ms = *clock};
}

std::optional<tls::TicketKey> read_key(ByteReader& in) {
  tls::TicketKey key;
  const auto name = in.take(key.name.size()), aes = in.take(key.aes.size()), hmac = in.take(key.hmac.size());
  const auto active_at = in.u64(), generation = in.u64();
  if (!generation || *active_at > INT64_MAX || *generation > INT64_MAX) return std::nullopt;
  std::ranges::copy(*name, key.name.begin());
  std::ranges::copy(*aes, key.aes.data());
  std::ranges::copy(*hmac, key.hmac.data());
  key.active_at = WallSeconds{std::chrono::seconds{static_cast<std::int64_t>(*active_at)}};
  key.generation = *generation;
  return key;
}

std::optional<Message> read_keys(ByteReader& in) {
  const auto count = in.u8();
  if (!count || *count > tls::TicketKeyRing::kKeysMax) return std::nullopt;
  Keys keys;
  keys.keys.reserve(*count);
  for (unsigned i = 0; i < *count; ++i) {
    auto key = read_key(in);
    if (!key) return std::nullopt;
    keys.keys.push_back(*key);
  }
  return keys;
}

std::optional<tls::SessionIdBytes> read_id(ByteReader& in) {
  const auto bytes = in.take(tls::kSessionIdSize);
  if (!bytes) return std::nullopt;
  tls::SessionIdBytes id{};
  std::ranges::copy(*bytes, id.begin());
  return id;
}

std::optional<Message> read_fetch(ByteReader& in) {
  const auto request = in.u32();
  const auto id = read_id(in);
  return id ? std::optional<Message>(Fetch{*request, *id}) : std::nullopt;
}

std::optional<Message> read_fetched(ByteReader& in) {
  const auto request = in.u32(), ask = in.u32();
  const auto state = in.vector(2);
  if (!state) return std::nullopt;
  return Fetched{*request, *ask, tls::SecretBytes{*state}};
}

std::optional<Message> read_push(ByteReader& in) {
  const auto request = in.u32();
  const auto count = in.u16();
  if (!count) return std::nullopt;
  Push push{.request = *request};
  for (unsigned i = 0; i < *count; ++i) {
    const auto state = in.vector(2);
    if (!state) return std::nullopt;
    push.states.emplace_back(*state);
  }
  return push;
}

std::optional<Message> read_pushed(ByteReader& in) {
  const auto request = in.u32(), taken = in.u32();
  return taken ? std::optional<Message>(Pushed{*request, *taken}) : std::nullopt;
}

std::optional<Message> read_moved(ByteReader& in) {
  const auto to = in.u32();
  const auto count = in.u16();
  if (!count) return std::nullopt;
  Moved moved{.to = *to};
  for (unsigned i = 0; i < *count; ++i) {
    const auto id = read_id(in);
    if (!id) return std::nullopt;
    moved.ids.push_back(*id);
  }
  return moved;
}

class Category final : public ErrorCategory {
 public:
  const char* name() const noexcept override { return "sluice.peer"; }
  std::string message(int value) const override {
    switch (static_cast<ProtocolError>(value)) {
      case ProtocolError::too_long: return "a message is longer than 64 KiB";
      case ProtocolError::malformed: return "a message is malformed";
      case ProtocolError::unknown_type: return "a message is of an unknown type";
      case ProtocolError::other_version: return "the other side speaks another version of the protocol";
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
  if (size > kMessageMax) std::abort();
  for (std::size_t i = 0; i < 4; ++i) out[start + i] = static_cast<std::uint8_t>((size - 4) >> (24 - 8 * i));
  out[start + 4] = static_cast<std::uint8_t>(type);
}

boost::system::result<Message> decode(std::uint8_t type, Bytes body) {
  if (type >= kOptional) return Message(Unknown{type});
  ByteReader in{body};
  std::optional<Message> message;
  switch (static_cast<Type>(type)) {
    case Type::hello: message = read_hello(in); break;
    case Type::goodbye: message = read_goodbye(in); break;
    case Type::digest: message = read_digest(in); break;
    case Type::want_keys: message = WantKeys{}; break;
    case Type::keys: message = read_keys(in); break;
    case Type::fetch: message = read_fetch(in); break;
    case Type::fetched: message = read_fetched(in); break;
    case Type::push: message = read_push(in); break;
    case Type::pushed: message = read_pushed(in); break;
    case Type::moved: message = read_moved(in); break;
    default: return make_error_code(ProtocolError::unknown_type);
  }
  if (!message) return make_error_code(ProtocolError::malformed);
  return *std::move(message);
}

boost::system::result<std::optional<Message>> Inbox::next() {
  ByteReader in{Bytes{buffer_}.subspan(taken_)};
  const auto length = in.u32();
  if (length && (*length == 0 || *length > kMessageMax - 4))
    return make_error_code(*length == 0 ? ProtocolError::malformed : ProtocolError::too_long);
  const auto frame = length ? in.take(*length) : std::nullopt;
  if (!frame) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(taken_));
    taken_ = 0;
    return std::optional<Message>{};
  }
  taken_ += 4 + frame->size();
  auto message = decode(frame->front(), frame->subspan(1));
  if (!message) return message.error();
  return std::optional<Message>{*std::move(message)};
}

}  // namespace sluice::cluster
