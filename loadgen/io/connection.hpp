#pragma once
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "loadgen/io/http_response.hpp"
#include "loadgen/io/loop.hpp"
#include "loadgen/io/socket.hpp"
#include "loadgen/io/tls.hpp"
#include "loadgen/io/wire.hpp"
#include "loadgen/outcome.hpp"
#include "loadgen/tally.hpp"

/// One HTTPS connection of a client.
namespace sluice::loadgen {

/// What the connections of one thread share.
struct Wire {
  Wire(Loop& its_loop, const Options& its_options, const Address& its_target, unsigned thread,
       Tally& its_tally);

  Loop& loop;
  const Options& options;
  const Address target;
  Sources sources;
  TlsContext tls;
  Tally& tally;
  std::uint64_t open = 0;       ///< Descriptors in use by connections.
  bool connected_once = false;  ///< A TCP connection has been made at least once.
  std::string untrusted;    ///< Why the server's certificate is not trusted, once that was seen: a sentence.
  std::string unreachable;  ///< Why a connection could not be made, as long as none could: a sentence.
  const std::string
      head;  ///< Of every request, behind the target: version, Host and the fields of `--header`.
  std::unique_ptr<char[]> scratch =
      std::make_unique<char[]>(kScratch);  ///< Plaintext of the read in progress.
  static constexpr std::size_t kScratch = 64 * 1024;

  void note_unreachable(Cause cause);
};

/// connect, handshake, then one request after the other. Reports each step to its owner, who may destroy it
/// from there. Idle, it holds a socket and OpenSSL's object without buffers. No timeouts of its own: the
/// owner just destroys it.
class Connection final : public Watched {
 public:
  class Owner {
   public:
    virtual void on_established(bool resumed) = 0;
    /// The server issued a session that can be resumed.
    virtual void on_session(TlsSession session) = 0;
    virtual void on_first_byte() = 0;
    /// Whole. See `usable()` for whether another request may follow.
    virtual void on_response(HttpResponse& response) = 0;
    /// The end, at any step; nothing further is reported.
    virtual void on_failed(Step step, Cause cause) = 0;
    /// The server closed it between two requests; nothing further is reported.
    virtual void on_idle_close() = 0;

   protected:
    ~Owner() = default;
  };

  Connection(Wire& wire, Owner& owner) noexcept : wire_(wire), owner_(owner) {}
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Starts; `session` may be null, `source` is the client's, of Wire::sources. Failures come through the
  /// owner, possibly before this returns.
  void open(TlsSession session, std::size_t source);
  /// One request, when established and no other one is in progress.
  void send(std::string_view request, bool keep_body);
  /// The owner gives up on the handshake in progress and destroys this next.
  void book_failed_handshake() noexcept;
  /// close_notify and FIN, without waiting for the peer's.
  void close() noexcept;

  /// Processes what came together with the end of the handshake and gives no edge of its own: session
  /// tickets.
  void read_pending();

  bool established() const noexcept { return stage_ >= Stage::idle; }
  bool tls13() const noexcept { return tls13_; }
  /// Whether another request may be sent: the server neither announced the end nor has closed it behind its
  /// response.
  bool usable() const noexcept { return stage_ == Stage::idle && !peer_closed_; }
  /// Responses so far.
  std::uint32_t served() const noexcept { return served_; }
  /// Where a failure would be booked now.
  Step step() const noexcept;

  void on_ready(std::uint32_t events) override;

  /// To be registered once per context: the ledger and new sessions reach their connection through them.
  static void install_callbacks(SSL_CTX* context);

 private:
  enum class Stage : std::uint8_t { connecting, handshaking, idle, exchanging };

  void finish_connect();
  void handshake();
  void finish_handshake();
  bool flush();
  void read(std::uint32_t events);
  void finish_response(std::uint32_t events);
  void fail(Cause cause);
  /// Why an operation of OpenSSL did not succeed; none when it just waits for the socket.
  std::optional<Cause> why(int result);
  void on_message(bool sent, Bytes message) noexcept;

  Wire& wire_;
  Owner& owner_;
  int fd_ = -1;
  Stage stage_ = Stage::connecting;
  bool tls13_ = false, accepted_ = false, first_byte_seen_ = false, peer_closed_ = false;
  Offer offer_ = Offer::none;
  std::uint8_t hello_id_size_ = 0;
  std::array<std::uint8_t, 32> hello_id_{};  // session ID of the hello on its way
  std::uint32_t served_ = 0;
  Monotonic::time_point began_{};  // of the step in progress
  TlsConnection tls_;
  TlsSession offered_;
  std::string unsent_;
  std::unique_ptr<HttpResponse> response_;
};

}  // namespace sluice::loadgen
