#include "cluster/tcp/messages.hpp"

#include <algorithm>

namespace sluice::cluster::tcp {

namespace {

using Writer = ByteWriter<std::vector<std::uint8_t>>;

constexpr std::string_view kMagic = "sluice-tcp";

enum class Type : std::uint8_t {
  hello = 1,
  hold,
  restore,
  live,
  cancel,
  dump,
  roll_back,
  forget,
  settle,
  welcome = 64,
  done,
  refused,
  restored,
  dumped,
};

Bytes cut(const std::string& words) { return as_bytes(std::string_view(words).substr(0, kWordsMax)); }

Type write(const Hello& hello, Writer& out) {
  out.bytes(as_bytes(kMagic)).u8(hello.version);
  return Type::hello;
}
Type write(const Hold& hold, Writer& out) {
  out.u64(hold.id);
  append(hold.flow, out);
  append(hold.source, out);
  return Type::hold;
}
Type write(const DumpSocket& dump, Writer& out) {
  out.u64(dump.id);
  append(dump.target, out);
  return Type::dump;
}
Type write(const Welcome& welcome, Writer& out) {
  out.u8(welcome.version);
  append(welcome.place, out);
  return Type::welcome;
}
Type write(const IsDone& done, Writer& out) {
  out.u64(done.id).u64(done.at_ns).vector(1, cut(done.remark));
  return Type::done;
}
Type write(const Refused& refused, Writer& out) {
  out.u64(refused.id).vector(1, cut(refused.why));
  return Type::refused;
}
Type write(const Dumped& dumped, Writer& out) {
  out.u64(dumped.id).u64(dumped.at_ns);
  return Type::dumped;
}
Type write_id(std::uint64_t id, Type type, Writer& out) {
  out.u64(id);
  return type;
}
Type write(const Restore& restore, Writer& out) { return write_id(restore.id, Type::restore, out); }
Type write(const Live& live, Writer& out) { return write_id(live.id, Type::live, out); }
Type write(const Cancel& cancel, Writer& out) { return write_id(cancel.id, Type::cancel, out); }
Type write(const RollBack& back, Writer& out) { return write_id(back.id, Type::roll_back, out); }
Type write(const Forget& forget, Writer& out) { return write_id(forget.id, Type::forget, out); }
Type write(const Settle& settle, Writer& out) { return write_id(settle.id, Type::settle, out); }
Type write(const Restored& restored, Writer& out) { return write_id(restored.id, Type::restored, out); }

std::uint8_t read_version(Fields& in, std::string_view magic) {
  in.require(std::ranges::equal(in.take(magic.size()), magic));
  return in.u8();
}

std::optional<Message> read(Type type, Fields& in) {
  switch (type) {
    case Type::hello: return Hello{read_version(in, kMagic)};
    case Type::hold: return Hold{.id = in.u64(), .flow = read_flow(in), .source = read_place(in)};
    case Type::restore: return Restore{in.u64()};
    case Type::live: return Live{in.u64()};
    case Type::cancel: return Cancel{in.u64()};
    case Type::dump: return DumpSocket{.id = in.u64(), .target = read_place(in)};
    case Type::roll_back: return RollBack{in.u64()};
    case Type::forget: return Forget{in.u64()};
    case Type::settle: return Settle{in.u64()};
    case Type::welcome: return Welcome{.version = read_version(in, ""), .place = read_place(in)};
    case Type::done: return IsDone{.id = in.u64(), .at_ns = in.u64(), .remark = in.text()};
    case Type::refused: return Refused{.id = in.u64(), .why = in.text()};
    case Type::restored: return Restored{in.u64()};
    case Type::dumped: return Dumped{.id = in.u64(), .at_ns = in.u64()};
  }
  return std::nullopt;
}

std::uint8_t version_of(const Message& message) noexcept {
  if (const auto* hello = std::get_if<Hello>(&message)) return hello->version;
  if (const auto* welcome = std::get_if<Welcome>(&message)) return welcome->version;
  return kVersion;
}

Endpoint read_endpoint(Fields& in) noexcept {
  Endpoint endpoint;
  std::ranges::copy(in.take(endpoint.address.size()), endpoint.address.begin());
  endpoint.port = in.u16();
  return endpoint;
}

class Category final : public ErrorCategory {
 public:
  const char* name() const noexcept override { return "sluice.tcp"; }
  std::string message(int value) const override {
    switch (static_cast<MessageError>(value)) {
      case MessageError::malformed: return "a message is malformed";
      case MessageError::unknown_type: return "a message is of an unknown type";
      case MessageError::other_version: return "the other side is of another version";
      case MessageError::wrong_rights: return "a message came without its descriptor, or with one too many";
    }
    return "unknown error";
  }
};

}  // namespace

const boost::system::error_category& message_category() noexcept {
  static const Category category;
  return category;
}

boost::system::error_code make_error_code(MessageError error) noexcept {
  return {static_cast<int>(error), message_category()};
}

bool carries_descriptor(const Message& message) noexcept {
  return std::visit(
      []<class T>(const T&) {
        return std::is_same_v<T, Restore> || std::is_same_v<T, Live> || std::is_same_v<T, DumpSocket> ||
               std::is_same_v<T, RollBack> || std::is_same_v<T, Restored> || std::is_same_v<T, Dumped>;
      },
      message);
}

std::vector<std::uint8_t> encode(const Message& message) {
  std::vector<std::uint8_t> bytes;
  Writer out(bytes);
  out.u8(0);
  bytes[0] =
      static_cast<std::uint8_t>(std::visit([&](const auto& body) { return write(body, out); }, message));
  return bytes;
}

boost::system::result<Message> decode(Bytes bytes, std::size_t descriptors) {
  if (bytes.empty() || bytes.size() > kMessageMax) return make_error_code(MessageError::malformed);
  Fields in{bytes.subspan(1)};
  auto message = read(static_cast<Type>(bytes[0]), in);
  if (!message) return make_error_code(MessageError::unknown_type);
  if (in.good() && version_of(*message) != kVersion) return make_error_code(MessageError::other_version);
  if (!in.good() || in.remaining() != 0) return make_error_code(MessageError::malformed);
  if (descriptors != (carries_descriptor(*message) ? 1 : 0))
    return make_error_code(MessageError::wrong_rights);
  return *std::move(message);
}

void append(const Endpoint& endpoint, ByteWriter<std::vector<std::uint8_t>>& out) {
  out.bytes(endpoint.address).u16(endpoint.port);
}

void append(const Flow& flow, ByteWriter<std::vector<std::uint8_t>>& out) {
  append(flow.client, out);
  append(flow.local, out);
}

void append(const Place& place, ByteWriter<std::vector<std::uint8_t>>& out) { out.bytes(to_bytes(place)); }

Flow read_flow(Fields& in) noexcept {
  Flow flow{.client = read_endpoint(in), .local = read_endpoint(in)};
  in.require(flow.client.v4() == flow.local.v4() && flow.client.port != 0 && flow.local.port != 0);
  return flow;
}

Place read_place(Fields& in) noexcept {
  PlaceBytes bytes{};
  std::ranges::copy(in.take(bytes.size()), bytes.begin());
  return place_of(bytes);
}

}  // namespace sluice::cluster::tcp
