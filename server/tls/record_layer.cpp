#include "server/tls/record_layer.hpp"

#include <algorithm>
#include <cstring>
#include <exception>

#include <openssl/err.h>

namespace sluice::tls {

namespace {

using What = Opened::What;

// As OpenSSL bounds them: what costs work and says nothing.
constexpr std::uint8_t kEmptyMax = 32, kWarningsMax = 4, kKeyUpdatesMax = 32;

constexpr std::uint8_t kKeyUpdate = 24;  // type of the handshake message
constexpr std::uint8_t kNotRequested = 0, kRequested = 1;
constexpr std::uint8_t kWarning = 1, kFatal = 2;
constexpr std::size_t kKeyUpdateRecordMax = 64;

Opened violation(Alert alert) noexcept { return {.what = What::violation, .alert = alert}; }
constexpr Opened kNothing{.what = What::nothing};

void put(std::uint8_t* at, std::uint64_t value, std::size_t bytes) noexcept {
  for (std::size_t i = 0; i < bytes; ++i) at[i] = static_cast<std::uint8_t>(value >> 8 * (bytes - 1 - i));
}

/// What the AEAD authenticates beside the content: TLS 1.3 the header, TLS 1.2 sequence number, type, version
/// and length of the content (RFC 5246 section 6.2.3.3).
struct Additional {
  std::array<std::uint8_t, 13> bytes{};
  std::size_t size = 0;

  Additional(const RecordKeys& keys, const std::uint8_t* header, std::size_t content) noexcept {
    if (keys.suite.tls13()) {
      size = kRecordHeaderSize;
      std::memcpy(bytes.data(), header, size);
      return;
    }
    size = bytes.size();
    put(bytes.data(), keys.sequence, 8);
    std::memcpy(bytes.data() + 8, header, 3);
    put(bytes.data() + 11, content, 2);
  }
};

bool start(EVP_CIPHER_CTX* context, const RecordKeys& keys, std::uint64_t explicit_nonce,
           const Additional& additional) noexcept {
  const auto nonce = nonce_of(keys, explicit_nonce);
  int size = 0;
  return context != nullptr &&
         EVP_CipherInit_ex2(context, nullptr, nullptr, nonce.data(), -1, nullptr) == 1 &&
         EVP_CipherUpdate(context, nullptr, &size, additional.bytes.data(),
                          static_cast<int>(additional.size)) == 1;
}

/// Behind which version a record pretends to be one of.
constexpr std::uint16_t kRecordVersion = 0x0303;

}  // namespace

RecordLayer::RecordLayer(const RecordState& state, AeadCache& cache, RecordLimits limits) noexcept
    : state_(state),
      cache_(cache),
      read_token_(cache.next_token()),
      write_token_(cache.next_token()),
      records_per_key_(limits.records_per_key) {}

RecordLayer::~RecordLayer() {
  cache_.forget(read_token_);
  cache_.forget(write_token_);
}

bool RecordLayer::wants_end() const noexcept {
  return !state_.write.suite.tls13() && state_.write.sequence >= records_per_key_;
}

void RecordLayer::replace(Side side) {
  RecordKeys& keys = side == Side::read ? state_.read : state_.write;
  AeadCache::Token& token = side == Side::read ? read_token_ : write_token_;
  keys = next_generation(keys);
  cache_.forget(token);
  token = cache_.next_token();
}

// --- opening
// ----------------------------------------------------------------------------------------------------------

Opened RecordLayer::open(std::span<std::uint8_t> input, std::string& reply) {
  if (read_closed_) return {.what = What::closed, .consumed = input.size()};
  const Opened opened = open_first(input, reply);
  read_closed_ =
      opened.what == What::closed || opened.what == What::peer_alert || opened.what == What::violation;
  return opened;
}

Opened RecordLayer::open_first(std::span<std::uint8_t> input, std::string& reply) {
  if (input.size() < kRecordHeaderSize) return {};
  const bool tls13 = state_.read.suite.tls13();
  auto type = static_cast<ContentType>(input[0]);
  const auto version = static_cast<std::uint16_t>(input[1] << 8 | input[2]);
  const std::size_t length = static_cast<std::size_t>(input[3]) << 8 | input[4];
  if (version >> 8 != kRecordVersion >> 8) return violation(Alert::protocol_version);
  // TLS 1.3 protects everything as application data, but for the change_cipher_spec of its compatibility
  // mode.
  const bool stray = tls13 && type == ContentType::change_cipher_spec;
  if (tls13 && type != ContentType::application_data && !stray) return violation(Alert::unexpected_message);
  if (version != kRecordVersion) return violation(tls13 ? Alert::decode_error : Alert::protocol_version);
  if (length > kRecordMax - kRecordHeaderSize) return violation(Alert::record_overflow);
  const std::size_t size = kRecordHeaderSize + length;
  if (input.size() < size) return {};

  Opened opened;
  if (stray) {
    opened = length == 1 && input[kRecordHeaderSize] == 1 ? on_empty() : violation(Alert::unexpected_message);
  } else {
    Alert alert{};
    const auto content = decrypt(input.first(size), type, alert);
    opened = content ? dispatch(type, *content, reply) : violation(alert);
  }
  opened.consumed = size;
  return opened;
}

std::optional<std::span<std::uint8_t>> RecordLayer::decrypt(std::span<std::uint8_t> record, ContentType& type,
                                                            Alert& alert) {
  RecordKeys& keys = state_.read;
  const Suite& suite = keys.suite;
  auto sealed = record.subspan(kRecordHeaderSize);
  const std::size_t in_front = suite.explicit_nonce() ? kGcmExplicitNonceSize : 0;
  alert = Alert::bad_record_mac;
  if (sealed.size() < in_front + kAeadTagSize) return std::nullopt;
  std::uint64_t explicit_nonce = 0;
  for (const std::uint8_t byte : sealed.first(in_front)) explicit_nonce = explicit_nonce << 8 | byte;
  auto content = sealed.subspan(in_front, sealed.size() - in_front - kAeadTagSize);
  auto tag = sealed.last(kAeadTagSize);

  EVP_CIPHER_CTX* const context = cache_.of(read_token_, keys, AeadCache::Use::open);
  int size = 0;
  int last = 0;
  if (!start(context, keys, explicit_nonce, Additional(keys, record.data(), content.size())) ||
      EVP_CipherUpdate(context, content.data(), &size, content.data(), static_cast<int>(content.size())) !=
          1 ||
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag.size()), tag.data()) != 1 ||
      EVP_CipherFinal_ex(context, content.data() + size, &last) != 1) {
    ERR_clear_error();
    return std::nullopt;
  }
  ++keys.sequence;
  if (suite.tls13()) {  // behind the content its type, and zeros as the sender likes (RFC 8446 section 5.4)
    while (!content.empty() && content.back() == 0) content = content.first(content.size() - 1);
    if (content.empty()) {
      alert = Alert::unexpected_message;
      return std::nullopt;
    }
    type = static_cast<ContentType>(content.back());
    content = content.first(content.size() - 1);
  }
  if (content.size() > kPlaintextMax) {
    alert = Alert::record_overflow;
    return std::nullopt;
  }
  return content;
}

Opened RecordLayer::dispatch(ContentType type, std::span<std::uint8_t> content, std::string& reply) {
  // The pieces of a message come one behind the other (RFC 8446 section 5.1).
  if (message_size_ > 0 && type != ContentType::handshake) return violation(Alert::unexpected_message);
  switch (type) {
    case ContentType::application_data: return on_data(content);
    case ContentType::alert: return on_alert(content);
    case ContentType::handshake: return on_handshake(content, reply);
    case ContentType::change_cipher_spec: break;
  }
  return violation(Alert::unexpected_message);
}

Opened RecordLayer::on_data(std::span<std::uint8_t> content) noexcept {
  if (content.empty()) return on_empty();
  empty_ = warnings_ = key_updates_ = 0;
  return {.what = What::data, .data = content};
}

Opened RecordLayer::on_empty() noexcept {
  return ++empty_ > kEmptyMax ? violation(Alert::unexpected_message) : kNothing;
}

Opened RecordLayer::on_warning() noexcept {
  return ++warnings_ > kWarningsMax ? violation(Alert::unexpected_message) : kNothing;
}

Opened RecordLayer::on_alert(Bytes content) noexcept {
  const bool tls13 = state_.read.suite.tls13();
  if (content.empty() && !tls13) return on_empty();
  if (content.size() != 2)
    return violation(content.empty() ? Alert::unexpected_message : Alert::decode_error);
  const auto alert = static_cast<Alert>(content[1]);
  if (!tls13 && content[0] != kWarning && content[0] != kFatal) return violation(Alert::illegal_parameter);
  if (alert == Alert::close_notify && (tls13 || content[0] == kWarning)) return {.what = What::closed};
  // TLS 1.3 has but two alerts that are no errors, whatever level they claim (RFC 8446 section 6).
  if (tls13 ? alert == Alert::user_canceled : content[0] == kWarning) return on_warning();
  return {.what = What::peer_alert, .alert = alert};
}

Opened RecordLayer::on_handshake(Bytes content, std::string& reply) {
  if (!state_.read.suite.tls13()) {  // whoever wants to renegotiate (RFC 5246 section 7.2.2)
    if (content.empty()) return on_empty();
    const Opened opened = on_warning();
    if (opened.what == What::nothing) append_alert(Alert::no_renegotiation, reply);
    return opened;
  }
  if (content.empty()) return violation(Alert::unexpected_message);
  for (std::size_t i = 0; i < content.size(); ++i) {
    message_[message_size_++] = content[i];
    if (message_[0] != kKeyUpdate) return violation(Alert::unexpected_message);
    const std::array<std::uint8_t, 3> length{0, 0, 1};
    if (message_size_ == 4 && !std::equal(length.begin(), length.end(), message_.begin() + 1))
      return violation(Alert::decode_error);
    if (message_size_ == message_.size()) return on_key_update(message_[4], i + 1 < content.size(), reply);
  }
  return on_empty();  // a piece of a message says nothing yet
}

/// RFC 8446 section 4.6.3. Behind it nothing can follow in the same record: that has the old key.
Opened RecordLayer::on_key_update(std::uint8_t request, bool more_behind, std::string& reply) {
  message_size_ = 0;
  if (more_behind) return violation(Alert::unexpected_message);
  if (request != kNotRequested && request != kRequested) return violation(Alert::illegal_parameter);
  if (++key_updates_ > kKeyUpdatesMax) return violation(Alert::unexpected_message);
  replace(Side::read);
  if (request == kRequested && !write_closed_) {
    std::array<std::uint8_t, kKeyUpdateRecordMax> record;
    const std::size_t size = append_key_update(kNotRequested, record);
    if (size == 0) return violation(Alert::internal_error);
    reply.append(reinterpret_cast<const char*>(record.data()), size);
  }
  return kNothing;
}

// --- sealing
// ----------------------------------------------------------------------------------------------------------

std::size_t RecordLayer::seal(Bytes plain, std::span<std::uint8_t> out) noexcept {
  if (write_closed_) return 0;
  std::size_t before = 0;
  if (state_.write.suite.tls13() && state_.write.sequence >= records_per_key_) {
    before = append_key_update(kNotRequested, out);
    if (before == 0) return 0;
  }
  const std::size_t size = seal_one(ContentType::application_data, plain, out.subspan(before));
  return size == 0 ? 0 : before + size;
}

std::size_t RecordLayer::append_key_update(std::uint8_t request, std::span<std::uint8_t> out) noexcept {
  const std::array<std::uint8_t, 5> message{kKeyUpdate, 0, 0, 1, request};
  const std::size_t size = seal_one(ContentType::handshake, message, out);
  if (size == 0) return 0;
  try {
    replace(Side::write);
  } catch (const std::exception&) {  // no memory: what was said can't be kept
    write_closed_ = true;
    return 0;
  }
  return size;
}

void RecordLayer::append_alert(Alert alert, std::string& out) {
  if (write_closed_) return;
  const bool warning = alert == Alert::close_notify || alert == Alert::no_renegotiation;
  const std::array<std::uint8_t, 2> content{warning ? kWarning : kFatal, static_cast<std::uint8_t>(alert)};
  std::array<std::uint8_t, 64> record;
  const std::size_t size = seal_one(ContentType::alert, content, record);
  out.append(reinterpret_cast<const char*>(record.data()), size);
  if (alert != Alert::no_renegotiation) write_closed_ = true;
}

/// The content is encrypted on its way from `plain` to `out`.
std::size_t RecordLayer::seal_one(ContentType type, Bytes plain, std::span<std::uint8_t> out) noexcept {
  RecordKeys& keys = state_.write;
  const Suite& suite = keys.suite;
  const std::size_t size = plain.size() + suite.overhead();
  if (plain.size() > kPlaintextMax || out.size() < size) std::terminate();
  std::uint8_t* at = out.data();
  *at++ = static_cast<std::uint8_t>(suite.tls13() ? ContentType::application_data : type);
  put(at, kRecordVersion, 2);
  put(at + 2, size - kRecordHeaderSize, 2);
  at += 4;
  if (suite.explicit_nonce()) {
    put(at, keys.explicit_nonce, kGcmExplicitNonceSize);
    at += kGcmExplicitNonceSize;
  }
  EVP_CIPHER_CTX* const context = cache_.of(write_token_, keys, AeadCache::Use::seal);
  const auto inner_type = static_cast<std::uint8_t>(type);
  int done = 0;
  bool ok = start(context, keys, keys.explicit_nonce, Additional(keys, out.data(), plain.size())) &&
            EVP_CipherUpdate(context, at, &done, plain.data(), static_cast<int>(plain.size())) == 1;
  at += done;
  if (ok && suite.tls13()) {
    ok = EVP_CipherUpdate(context, at, &done, &inner_type, 1) == 1;
    at += done;
  }
  ok = ok && EVP_CipherFinal_ex(context, at, &done) == 1 &&
       EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, static_cast<int>(kAeadTagSize), at) == 1;
  if (!ok) {  // the nonce may have been used
    ERR_clear_error();
    write_closed_ = true;
    return 0;
  }
  ++keys.sequence;
  ++keys.explicit_nonce;
  return size;
}

}  // namespace sluice::tls
