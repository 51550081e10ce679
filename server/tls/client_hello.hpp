#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <boost/system/result.hpp>

#include "base/bytes.hpp"

/// Reads a TLS ClientHello without consuming it, so that a connection can be screened before any cryptography
/// (RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2). OpenSSL reads the same bytes again later and is the
/// authority.
namespace sluice::tls {

/// Default bound of a hello, record headers included. Ordinary ones have 0.3 to 2 KB.
inline constexpr std::size_t kHelloMax = 64 * 1024;
/// A longer ticket was not issued here: ours have some 250 bytes.
inline constexpr std::size_t kTokenMax = 512;

enum class HelloError {
  need_more = 1,  ///< A correct prefix so far; read more bytes and ask again.
  not_tls,        ///< The first bytes are no TLS handshake record.
  http,           ///< A plain HTTP request on the TLS port.
  malformed,      ///< Lengths contradict each other, or something is there twice or in the wrong place.
  too_large,      ///< Longer than the bound.
};
const boost::system::error_category& hello_category() noexcept;
boost::system::error_code make_error_code(HelloError error) noexcept;

/// What a hello claims of its sender. Nothing of it is verified: tickets are forged for the price of a
/// packet. screen.hpp verifies.
enum class HelloClaim : std::uint8_t {
  fresh,     ///< A newcomer: a full handshake.
  resuming,  ///< Offers a PSK identity (TLS 1.3), a ticket (RFC 5077) or a session ID (up to TLS 1.2).
};

/// Holds copies, no references to the bytes read.
class Hello {
 public:
  std::uint16_t legacy_version = 0;  ///< 0x0303 in every hello of TLS 1.2 and 1.3.
  bool offers_tls13 = false;         ///< `supported_versions` lists 0x0304.
  bool has_ticket = false;           ///< `session_ticket` is there and not empty.
  bool has_psk = false;              ///< `pre_shared_key` is there, with at least one identity.
  bool has_alpn = false;
  bool alpn_http11 = false;  ///< ALPN lists "http/1.1".
  std::array<std::uint8_t, 32> random{};

  /// Up to 32 bytes. In hellos that offer TLS 1.3 it says nothing: compatibility mode sends a random one.
  Bytes session_id() const noexcept { return {session_id_.data(), session_id_size_}; }
  /// What the peer wants to resume with: the first PSK identity of a hello that offers TLS 1.3, the ticket of
  /// one that does not. Empty when there is none, or one longer than `kTokenMax`.
  Bytes token() const noexcept { return {token_.data(), token_size_}; }
  /// Host name of SNI (RFC 6066); empty when absent.
  std::string_view server_name() const noexcept { return {server_name_.data(), server_name_size_}; }

  HelloClaim claim() const noexcept {
    const bool resuming = offers_tls13 ? has_psk : has_ticket || session_id_size_ > 0;
    return resuming ? HelloClaim::resuming : HelloClaim::fresh;
  }

  bool operator==(const Hello&) const = default;

 private:
  friend class HelloReader;
  std::uint8_t session_id_size_ = 0;
  std::uint8_t server_name_size_ = 0;
  std::array<std::uint8_t, 32> session_id_{};
  std::array<char, 255> server_name_{};
  std::uint16_t token_size_ = 0;
  std::array<std::uint8_t, kTokenMax> token_{};
};

/// `bytes` is everything the peer sent so far, from the start of the connection: TLS records, in which the
/// hello may be cut at will. Any answer but `need_more` is final: more bytes don't change it. Takes time
/// linear in `bytes`; allocates only when the hello spans several records.
boost::system::result<Hello> classify(Bytes bytes, std::size_t hello_max = kHelloMax);

}  // namespace sluice::tls

template <>
struct boost::system::is_error_code_enum<sluice::tls::HelloError> : std::true_type {};
