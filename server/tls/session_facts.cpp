#include "server/tls/session_facts.hpp"

#include "server/tls/ticket.hpp"

namespace sluice::tls {

namespace {

constexpr std::uint8_t kSequence = 0x30, kInteger = 0x02, kOctets = 0x04;
// Explicit tags of ssl/ssl_asn1.c.
constexpr std::uint8_t kTime = 0xa1, kTimeout = 0xa2, kAppData = 0xb2;

/// Elements of DER (X.690) from left to right. After the first thing that is not as expected it is not
/// good().
class DerReader {
 public:
  explicit DerReader(Bytes bytes) noexcept : rest_(bytes) {}

  bool good() const noexcept { return good_; }
  bool at_end() const noexcept { return rest_.empty(); }
  std::uint8_t tag() const noexcept { return rest_.empty() ? 0 : rest_[0]; }

  /// The content of the next element.
  Bytes take(std::uint8_t tag) noexcept {
    constexpr std::size_t kLengthMax = 2;  // bytes of the long form: 64 KB
    if (rest_.size() < 2 || rest_[0] != tag) return fail();
    std::size_t length = rest_[1], head = 2;
    if (length > 0x7f) {
      const std::size_t bytes = length & 0x7f;
      if (bytes == 0 || bytes > kLengthMax || rest_.size() < head + bytes) return fail();
      length = 0;
      for (std::size_t i = 0; i < bytes; ++i) length = length << 8 | rest_[head++];
    }
    if (rest_.size() - head < length) return fail();
    const Bytes content = rest_.subspan(head, length);
    rest_ = rest_.subspan(head + length);
    return content;
  }
  /// Not negative, below 2^56.
  std::int64_t number() noexcept {
    const Bytes digits = take(kInteger);
    if (digits.empty() || digits.size() > 7 || digits[0] > 0x7f) {
      fail();
      return 0;
    }
    std::int64_t value = 0;
    for (const std::uint8_t digit : digits) value = value << 8 | digit;
    return value;
  }

 private:
  Bytes fail() noexcept {
    good_ = false;
    rest_ = {};
    return {};
  }

  Bytes rest_;
  bool good_ = true;
};

std::int64_t number_in(Bytes content, bool& good) noexcept {
  DerReader reader(content);
  const std::int64_t number = reader.number();
  good = good && reader.good() && reader.at_end();
  return number;
}

std::optional<SessionFacts> read(Bytes der) noexcept {
  DerReader whole(der);
  DerReader fields(whole.take(kSequence));
  if (!whole.good() || !whole.at_end()) return std::nullopt;
  SessionFacts facts;
  fields.number();  // of the format
  facts.version = static_cast<int>(fields.number());
  for (int i = 0; i < 3; ++i) fields.take(kOctets);  // suite, session ID, secret
  bool good = true, timed = false, bounded = false;
  while (fields.good() && !fields.at_end()) {
    const std::uint8_t tag = fields.tag();
    const Bytes content = fields.take(tag);
    if (tag == kTime) {
      facts.issued = WallSeconds{std::chrono::seconds{number_in(content, good)}};
      timed = true;
    } else if (tag == kTimeout) {
      facts.timeout = std::chrono::seconds{number_in(content, good)};
      bounded = true;
    } else if (tag == kAppData) {
      DerReader reader(content);
      facts.record = admission::decode_session_record(reader.take(kOctets));
      good = good && reader.good();
    }
  }
  return good && timed && bounded && fields.good() ? std::optional{facts} : std::nullopt;
}

}  // namespace

bool SessionFacts::live(int wanted, WallSeconds now, std::chrono::seconds longest) const noexcept {
  return version == wanted && now - issued <= timeout && now - issued <= longest;
}

SessionFacts facts_of(SSL_SESSION& session) noexcept {
  return {.version = SSL_SESSION_get_protocol_version(&session),
          .issued = WallSeconds{std::chrono::seconds{SSL_SESSION_get_time(&session)}},
          .timeout = std::chrono::seconds{SSL_SESSION_get_timeout(&session)},
          .record = record_in(session)};
}

std::optional<SessionFacts> facts_of(Bytes der) noexcept {
  if (auto facts = read(der)) return facts;
  const Session session = parse_session(der);
  return session ? std::optional{facts_of(*session)} : std::nullopt;
}

}  // namespace sluice::tls
