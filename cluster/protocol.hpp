#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <boost/system/result.hpp>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "cluster/handover.hpp"
#include "server/tls/session_id.hpp"
#include "server/tls/session_store.hpp"
#include "server/tls/ticket_keys.hpp"

/// What members say to each other, as bytes. No socket, no clock. The grammar with an example is in
/// docs/peer-protocol.md; the bytes travel inside mutual TLS.
///
/// A version has a major and a minor number. Members of the same major number understand each other: a body
/// may be longer than we know, the rest is for later versions; a type from `kOptional` on that is unknown is
/// skipped.
namespace sluice::cluster {

inline constexpr std::uint8_t kMajor = 1, kMinor = 1;
inline constexpr std::uint8_t kOptional = 128;
inline constexpr std::size_t kMessageMax = 64 * 1024;  ///< With its header; of State: kStateMax.
inline constexpr std::size_t kHeaderSize = 5;          ///< length[4], of type and body; type[1].
inline constexpr std::size_t kTextMax = 255;           ///< Of a name, an address, a reason.

/// First on a connection, from both sides.
struct Hello {
  std::uint8_t major = kMajor, minor = kMinor;
  std::string name{};             ///< As in the certificate.
  std::string address{};          ///< host:port under which others reach it.
  std::uint64_t incarnation = 0;  ///< When the process began, ms since 1970: larger in each life.
  std::uint16_t service_port =
      0;  ///< Where it serves clients, at the address by which it is reached; 0: not.
};

/// Last on a connection: why it ends.
struct Goodbye {
  std::string reason{};
};

enum class MemberState : std::uint8_t {
  serving = 1,
  draining = 2,  ///< It will be gone soon: takes nothing new.
};

/// How much room there is, four times a second. Answered with one's own.
struct Digest {
  MemberState state = MemberState::serving;
  std::string policy{};          ///< Of admission, by its name.
  std::uint32_t cpus_milli = 0;  ///< It may use.
  std::uint32_t idle_milli = 0;  ///< Of them not in use.
  std::uint32_t live_sessions = 0;
  std::uint32_t room_sessions = 0;    ///< More that could be live.
  std::uint32_t spare_milli = 0;      ///< Thousandths of newcomers per second that it would take from others.
  std::uint32_t stored_sessions = 0;  ///< Of clients with session IDs.
  std::uint64_t keys = 0;             ///< TicketKeyRing::fingerprint().
  std::uint64_t clock_ms = 0;         ///< Wall time.
  std::uint32_t connections = 0;      ///< Open. Since 1.1, as the next one.
  std::uint32_t takes = 0;            ///< Live connections per second that it would take from others.
  bool operator==(const Digest&) const = default;
};

struct WantKeys {};

struct Keys {
  std::vector<tls::TicketKey> keys{};  ///< At most `TicketKeyRing::kKeysMax`.
};

/// Asks for a session. Answered with Fetched.
struct Fetch {
  std::uint32_t request = 0;
  tls::SessionIdBytes id{};
};

struct Fetched {
  std::uint32_t request = 0;
  tls::MemberNumber ask = 0;  ///< It is not here, but perhaps at that member.
  tls::SecretBytes state{};   ///< Encoded SessionState, which is now the asker's; empty: it is not here.
};

/// Hands sessions over, unasked. Answered with Pushed.
struct Push {
  std::uint32_t request = 0;
  std::vector<tls::SecretBytes> states{};
};

struct Pushed {
  std::uint32_t request = 0;
  std::uint32_t taken = 0;
};

/// Where sessions are now, to whoever is asked for them first.
struct Moved {
  static constexpr std::size_t kWordsMax = 1024;
  std::vector<tls::SessionStore::Word> words{};
};

// Live connections (cluster/handover.hpp). Each message names the hand-over by its source's number for it.

enum class Transport : std::uint8_t {
  fd = 1,  ///< To a process on this host, which gets the descriptor.
  relay,   ///< The source goes on to pass on what client and target send.
  repair,  ///< TCP_REPAIR: the target makes the same TCP connection.
};         // others are of later versions, and refused by whoever is asked

/// May this connection come? From its source, as are State and Commit.
struct Prepare {
  HandoverId handover = 0;
  Transport transport = Transport::relay;
  boost::asio::ip::tcp::endpoint client{}, local{};  ///< Of its TCP connection, as the source sees it.
  std::uint32_t image_size = 0;                      ///< About; of State's image.
  std::string place{};                               ///< For `repair`: where the source takes frames.
};

/// It may. From its target, as is Ready.
struct Prepared {
  HandoverId handover = 0;
  std::string place{};  ///< For `repair`: where the target takes frames.
};

/// Everything about it, keys included: the source has stopped.
struct State {
  /// What is read and not understood yet, and sealed and not sent yet, are most of it.
  static constexpr std::size_t kImageMax = 192 * 1024;
  /// Mostly what was sent and is not acknowledged: a client 80 ms away takes 100 Mbit/s with so much. Whoever
  /// has more on its way moves later. It takes 8 ms of a gigabit, for which digests behind it wait.
  static constexpr std::size_t kTcpMax = 1024 * 1024;

  HandoverId handover = 0;
  tls::SecretBytes image{};
  tls::SecretBytes tcp{};  ///< For `repair`, and its helper's business.
};
inline constexpr std::size_t kStateMax =
    kHeaderSize + sizeof(HandoverId) + 2 * 4 + State::kImageMax + State::kTcpMax;

/// It is made, and silent.
struct Ready {
  HandoverId handover = 0;
};

/// The source's keys are wiped: it is the target's.
struct Commit {
  HandoverId handover = 0;
};

/// Whoever says it takes part no more. From either side.
struct Cancel {
  enum class Side : std::uint8_t { source = 1, target = 2 };
  HandoverId handover = 0;
  Side from = Side::source;  ///< Who says it: both sides count their hand-overs from 1.
  std::string reason{};
};

/// A message of a later minor version.
struct Unknown {
  std::uint8_t type = 0;
};

using Message = std::variant<Hello, Goodbye, Digest, WantKeys, Keys, Fetch, Fetched, Push, Pushed, Moved,
                             Prepare, Prepared, State, Ready, Commit, Cancel, Unknown>;

enum class ProtocolError {
  too_long = 1,  ///< A message longer than one of its type may be.
  malformed,     ///< Fields that do not fit the message, or values that are none.
  unknown_type,  ///< A type below `kOptional` that this version does not have.
  not_a_hello,   ///< Something else came first.
};
const boost::system::error_category& protocol_category() noexcept;
boost::system::error_code make_error_code(ProtocolError error) noexcept;

/// Appends the whole message. Aborts when it would be longer than its type may be: whoever makes it keeps to
/// the bounds. Unknown is not to be sent.
void append(const Message& message, tls::SecretBuffer& out);

boost::system::result<Message> decode(std::uint8_t type, Bytes body);

/// Cuts what arrives into messages.
class Inbox {
 public:
  void add(Bytes bytes) { buffer_.insert(buffer_.end(), bytes.begin(), bytes.end()); }
  /// `nullopt`: the next message is not whole yet. After an error nothing more comes.
  boost::system::result<std::optional<Message>> next();

 private:
  void forget_taken();

  tls::SecretBuffer buffer_;
  std::size_t taken_ = 0;
};

}  // namespace sluice::cluster

template <>
struct boost::system::is_error_code_enum<sluice::cluster::ProtocolError> : std::true_type {};
