#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "admission/session_record.hpp"
#include "base/bytes.hpp"
#include "server/tls/secret.hpp"
#include "server/tls/stream_state.hpp"

/// All that a live connection is, so that another process can go on with it: SESS_OBJ of Hatsugai & Saito
/// (AINA 2007, section 3.2) with what AEAD, TLS 1.3 and HTTP add to it. Of the paper's fields the session ID
/// stands in `tls`, with the keys; both randoms and the pre-master secret are missing, as nothing behind the
/// handshake needs them. A login needs nothing: the shop keeps it in its database.
///
/// Holds keys: never on disk, wiped after use, and only to whom they may go. Whoever has made one sends
/// nothing more until it is clear that nobody else will (cluster/handover.hpp).
namespace sluice::server {

/// Of a response that is on its way, what is not sealed yet.
struct ResponseRest {
  std::string bytes{};      ///< First.
  bool keep_alive = false;  ///< Another request may come behind it.
  /// Then a part of a file of `server.static_root`, which has to be the same there.
  struct File {
    std::string path{};  ///< As in Request::path.
    std::string etag{};
    std::uint64_t offset = 0;  ///< In the file.
    std::uint64_t size = 0;
    bool operator==(const File&) const = default;
  };
  std::optional<File> file{};
  bool operator==(const ResponseRest&) const = default;
};

struct ConnectionImage {
  std::uint16_t moves = 0;         ///< So often it went from one owner to another, this time included.
  std::uint64_t frozen_at_ns = 0;  ///< Monotonic time, of use on the same machine only.
  std::string client{}, local{};   ///< Address and port, as endpoint_text() writes them.
  tls::StreamState tls{};
  std::string server_name{};  ///< Of the hello (RFC 6066 section 3).
  std::string pending{};      ///< Received and opened behind the last request.
  std::uint64_t requests = 0;
  std::optional<ResponseRest> rest{};
  std::optional<admission::SessionRecord> record{};  ///< None: it was admitted without a session.
  bool began_full = false;                           ///< The handshake was a full one.
};

/// Longest encoding.
inline constexpr std::size_t kImageMax = 192 * 1024;

/// Appends it to `out`. False when it would be longer than kImageMax: `out` is as it was.
bool encode(const ConnectionImage& image, tls::SecretBuffer& out);

/// `nullopt` unless `bytes` is one whole image of our version, with a suite of ours and nothing out of
/// bounds.
std::optional<ConnectionImage> decode_connection_image(Bytes bytes);

}  // namespace sluice::server
