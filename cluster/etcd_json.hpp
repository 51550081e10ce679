#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/discovery.hpp"

/// What is said to etcd's HTTP gateway, and what it answers: JSON as of etcd 3.4 (its documentation,
/// dev-guide/api_grpc_gateway; messages in api_reference_v3). 64-bit numbers are decimal text, bytes are
/// base64, fields of the default value are missing. No I/O. Whoever reads bounds the text; depth is bounded
/// here.
namespace sluice::cluster::etcd {

using LeaseId = std::int64_t;

/// /v3/lease/grant
std::string lease_grant(std::chrono::seconds ttl);
/// /v3/lease/keepalive, /v3/lease/revoke
std::string lease(LeaseId id);
/// /v3/kv/put
std::string put(std::string_view key, std::string_view value, LeaseId lease);
/// /v3/kv/range: everything that begins with `prefix`, at most `limit` keys.
std::string range(std::string_view prefix, std::size_t limit);
/// /v3/watch: what changes under `prefix`, from that revision on.
std::string watch(std::string_view prefix, std::int64_t revision);

struct Entry {
  std::string key{}, value{};
  bool operator==(const Entry&) const = default;
};

struct Listing {
  std::int64_t revision = 0;  ///< At which this is so.
  std::vector<Entry> entries{};
  bool more = false;  ///< There are more keys than the limit.
};

struct Change {
  bool gone = false;
  Entry entry{};  ///< Without a value when it is gone.
  bool operator==(const Change&) const = default;
};

struct Watched {
  /// The watch ended on that side; also when the revision is compacted away.
  bool canceled = false;
  std::vector<Change> changes{};
};

Or<LeaseId> read_grant(std::string_view json);
/// Time to live; 0: there is no such lease any more.
Or<std::chrono::seconds> read_keepalive(std::string_view json);
/// Of an answer in which nothing else matters.
Or<bool> read_done(std::string_view json);
Or<Listing> read_range(std::string_view json);
/// A line of the stream.
Or<Watched> read_watch(std::string_view json);

/// Where etcd is.
struct Endpoint {
  bool tls = false;
  std::string host{};
  std::uint16_t port = 0;
  std::string text{};  ///< As it was written.
};
/// "http://host:port" or "https://host:port".
Or<Endpoint> parse_endpoint(std::string_view url);

/// Cuts a stream into lines.
class Lines {
 public:
  explicit Lines(std::size_t max) : max_(max) {}
  /// False when a line is longer than it may be; then nothing more comes.
  bool add(std::string_view piece);
  /// The next whole line that is not empty; false: there is none yet.
  bool next(std::string& line);
  /// What no end of line has followed yet.
  const std::string& rest() const noexcept { return buffer_; }

 private:
  const std::size_t max_;
  std::string buffer_{};
};

}  // namespace sluice::cluster::etcd
