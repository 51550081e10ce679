#pragma once
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <boost/system/result.hpp>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "cluster/tcp/flow.hpp"

/// What a server and `sluice-tcp` say to each other, as bytes: one message a datagram of a Unix
/// SOCK_SEQPACKET socket, type[1] and fields, big-endian. No socket, no clock.
///
///     hello       1  "sluice-tcp" version[1]
///     hold        2  id[8] flow[36] source[24]
///     restore     3  id[8]                            state in a sealed memfd
///     live        4  id[8]                            socket
///     cancel      5  id[8]
///     dump        6  id[8] target[24]                 socket
///     roll_back   7  id[8]                            socket
///     forget      8  id[8]
///     settle      9  id[8]
///     welcome    64  version[1] place[24]
///     done       65  id[8] at[8] remark<0..2^8-1>
///     refused    66  id[8] why<0..2^8-1>
///     restored   67  id[8]                            socket
///     dumped     68  id[8] at[8]                      state in a sealed memfd
///
/// A flow is client[16] port[2] local[16] port[2]; a place mac[6] address[16] port[2]; `at` is
/// CLOCK_MONOTONIC, ns. What stands on the right travels beside the bytes, as one descriptor (SCM_RIGHTS).
namespace sluice::cluster::tcp {

inline constexpr std::uint8_t kVersion = 1;
inline constexpr std::size_t kMessageMax = 512;
inline constexpr std::size_t kWordsMax = 255;  ///< Of a remark or a reason.

struct Hello {
  std::uint8_t version = kVersion;
};
/// From now on frames of the flow are kept from the kernel, and kept.
struct Hold {
  std::uint64_t id = 0;
  Flow flow{};
  Place source{};  ///< Where they go if nothing comes of it.
};
struct Restore {
  std::uint64_t id = 0;
};
struct Live {
  std::uint64_t id = 0;
};
struct Cancel {
  std::uint64_t id = 0;
};
struct DumpSocket {
  std::uint64_t id = 0;
  Place target{};
};
struct RollBack {
  std::uint64_t id = 0;
};
struct Forget {
  std::uint64_t id = 0;
};

/// Answered once it is clear whether this member has to go on forwarding the flow.
struct Settle {
  std::uint64_t id = 0;
};

struct Welcome {
  std::uint8_t version = kVersion;
  Place place{};  ///< Of this member.
};
struct IsDone {
  std::uint64_t id = 0;
  std::uint64_t at_ns = 0;
  std::string remark{};
};
struct Refused {
  std::uint64_t id = 0;
  std::string why{};
};
struct Restored {
  std::uint64_t id = 0;
};
struct Dumped {
  std::uint64_t id = 0;
  std::uint64_t at_ns = 0;  ///< When the flow was redirected.
};

using Message = std::variant<Hello, Hold, Restore, Live, Cancel, DumpSocket, RollBack, Forget, Settle,
                             Welcome, IsDone, Refused, Restored, Dumped>;

enum class MessageError {
  malformed = 1,  ///< Fields that do not fit the message, or something behind them.
  unknown_type,
  other_version,  ///< Not kVersion.
  wrong_rights,   ///< A descriptor that does not belong to the message, or none where one does.
};
const boost::system::error_category& message_category() noexcept;
boost::system::error_code make_error_code(MessageError error) noexcept;

/// Whether a descriptor travels beside it.
bool carries_descriptor(const Message& message) noexcept;

/// Texts are cut to kWordsMax.
std::vector<std::uint8_t> encode(const Message& message);
/// `descriptors`: how many came beside it.
boost::system::result<Message> decode(Bytes bytes, std::size_t descriptors);

/// Fields that states and messages share.
void append(const Flow& flow, ByteWriter<std::vector<std::uint8_t>>& out);
void append(const Place& place, ByteWriter<std::vector<std::uint8_t>>& out);
Flow read_flow(Fields& in) noexcept;  ///< Requires that both ends are of one family.
Place read_place(Fields& in) noexcept;

}  // namespace sluice::cluster::tcp

template <>
struct boost::system::is_error_code_enum<sluice::cluster::tcp::MessageError> : std::true_type {};
