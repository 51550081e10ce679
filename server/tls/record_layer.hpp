#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "server/tls/aead_cache.hpp"
#include "server/tls/record_keys.hpp"

/// The record protocol after the handshake (RFC 8446 section 5, RFC 5246 section 6.2), for the server,
/// without I/O: bytes in, plaintext out, and the reverse. What OpenSSL did in the handshake it continues from
/// keys and counters, which are all its state; another process, or another machine, could continue from
/// there.
namespace sluice::tls {

enum class ContentType : std::uint8_t {
  change_cipher_spec = 20,
  alert = 21,
  handshake = 22,
  application_data = 23
};

/// RFC 8446 section 6.
enum class Alert : std::uint8_t {
  close_notify = 0,
  unexpected_message = 10,
  bad_record_mac = 20,
  record_overflow = 22,
  illegal_parameter = 47,
  decode_error = 50,
  protocol_version = 70,
  internal_error = 80,
  user_canceled = 90,
  no_renegotiation = 100,
};

inline constexpr std::size_t kRecordHeaderSize = 5;
inline constexpr std::size_t kPlaintextMax = 1 << 14;
/// Header included. TLS 1.2 would let records grow by 2,048, which no AEAD suite makes them do.
inline constexpr std::size_t kRecordMax = kRecordHeaderSize + kPlaintextMax + 256;

/// What became of the bytes at the front of the input.
struct Opened {
  enum class What : std::uint8_t {
    need_more,   ///< No whole record yet.
    data,        ///< Application data.
    nothing,     ///< A record that says nothing to the application.
    closed,      ///< close_notify. What follows is ignored.
    peer_alert,  ///< A fatal alert; the connection is over.
    violation,   ///< `alert` is to be sent, and the connection is over.
  };
  What what = What::need_more;
  std::size_t consumed = 0;        ///< Bytes of the input that are done with.
  std::span<std::uint8_t> data{};  ///< Within the input, never empty.
  Alert alert{};                   ///< Sent or received.
};

/// Records that a key protects before it is replaced (RFC 8446 section 5.5 allows AES-GCM 2^24.5). TLS 1.2
/// can't replace it: wants_end().
inline constexpr std::uint64_t kRecordsPerKey = std::uint64_t{1} << 23;

struct RecordLimits {
  std::uint64_t records_per_key = kRecordsPerKey;
};

/// Not copyable: two that seal with the same keys would use nonces twice. Belongs to one processor, like the
/// cache it borrows. Its memory is the same whatever happens.
class RecordLayer {
 public:
  RecordLayer(const RecordState& state, AeadCache& cache, RecordLimits limits = {}) noexcept;
  RecordLayer(const RecordLayer&) = delete;
  RecordLayer& operator=(const RecordLayer&) = delete;
  ~RecordLayer();

  /// Opens the first record of `input`, in place. What it calls for in answer, sealed (KeyUpdate,
  /// no_renegotiation), is appended to `reply`; an alert because of a violation is not.
  Opened open(std::span<std::uint8_t> input, std::string& reply);

  /// Seals `plain` (at most kPlaintextMax) as one record of application data into `out`, which has room for
  /// sealed_max(); returns its size, that of a KeyUpdate in front of it included. 0 when OpenSSL fails, or
  /// after close_notify or an alert: then the connection can't go on.
  std::size_t seal(Bytes plain, std::span<std::uint8_t> out) noexcept;
  /// Appends an alert: a warning when it is close_notify or no_renegotiation, else fatal. Nothing is sealed
  /// behind close_notify and fatal ones.
  void append_alert(Alert alert, std::string& out);

  /// Room for a record with so many bytes in it.
  static constexpr std::size_t sealed_max(std::size_t plain) noexcept { return plain + 64; }

  /// The keys have protected as much as they should, and can't be replaced.
  bool wants_end() const noexcept;
  const RecordState& state() const noexcept { return state_; }
  /// state() is all there is to know: nothing has ended, and no KeyUpdate has come in part.
  bool between_messages() const noexcept { return message_size_ == 0 && !read_closed_ && !write_closed_; }

 private:
  enum class Side : std::uint8_t { read, write };
  Opened open_first(std::span<std::uint8_t> input, std::string& reply);
  Opened dispatch(ContentType type, std::span<std::uint8_t> content, std::string& reply);
  Opened on_data(std::span<std::uint8_t> content) noexcept;
  Opened on_alert(Bytes content) noexcept;
  Opened on_handshake(Bytes content, std::string& reply);
  Opened on_key_update(std::uint8_t request, bool more_behind, std::string& reply);
  Opened on_warning() noexcept;
  Opened on_empty() noexcept;
  /// Null: `alert` says why not.
  std::optional<std::span<std::uint8_t>> decrypt(std::span<std::uint8_t> record, ContentType& type,
                                                 Alert& alert);
  std::size_t seal_one(ContentType type, Bytes plain, std::span<std::uint8_t> out) noexcept;
  std::size_t append_key_update(std::uint8_t request, std::span<std::uint8_t> out) noexcept;
  void replace(Side side);

  RecordState state_;
  AeadCache& cache_;
  AeadCache::Token read_token_, write_token_;
  std::uint64_t records_per_key_;
  std::array<std::uint8_t, 5> message_{};  // a KeyUpdate that comes in pieces
  std::uint8_t message_size_ = 0;
  std::uint8_t empty_ = 0, warnings_ = 0, key_updates_ = 0;  // in a row
  bool read_closed_ = false, write_closed_ = false;
};

}  // namespace sluice::tls
