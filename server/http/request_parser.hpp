#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "server/http/chunked.hpp"
#include "server/http/message.hpp"
#include "server/http/strict.hpp"

/// Requests out of the bytes of a connection (RFC 9112), without I/O.
namespace sluice::http {

/// Reads one request after the other. One per connection; it belongs to that connection's processor. Never
/// reads past the end of a request, so pipelined ones come out one by one:
///
///     auto [consumed, state] = parser.feed(input);
///     input.remove_prefix(consumed);
///     // need_more: read more. head: perhaps send "100 Continue", then feed on. done: answer, reset(), feed
///     on.
///     // refused: answer refusal() and close.
///
/// The verdict depends on the bytes alone, never on how they were cut into calls.
class RequestParser {
 public:
  enum class State : std::uint8_t {
    need_more,  ///< Everything was consumed and the request is not complete.
    head,       ///< The head is complete and valid, a body is still to come. Reported once.
    done,       ///< request() is complete.
    refused,    ///< See refusal(). The rest of the connection means nothing.
  };
  struct Progress {
    std::size_t consumed;
    State state;
  };

  /// `limits` is borrowed and must not change under a request.
  explicit RequestParser(const Limits& limits) noexcept : limits_(&limits) {}
  RequestParser(const RequestParser&) = delete;  // request() points into this
  RequestParser& operator=(const RequestParser&) = delete;

  /// Behind `done` and `refused` it consumes nothing until reset().
  Progress feed(std::string_view bytes);

  /// A byte of a request line was seen. Empty lines before it, which old clients send behind a form, do not
  /// count.
  bool started() const noexcept { return phase_ != Phase::head || !head_.empty(); }
  bool reading_body() const noexcept { return phase_ == Phase::length || phase_ == Phase::chunked; }
  /// The client waits for "100 Continue" before it sends the body; from `head` on.
  bool wants_continue() const noexcept { return framing_.wants_continue; }
  /// The connection may serve another request behind this one; from `head` on. False when refused.
  bool keep_alive() const noexcept { return phase_ != Phase::refused && framing_.keep_alive; }
  /// Of HTTP/1.x, from `head` on.
  unsigned minor_version() const noexcept { return facts_.minor; }

  /// Complete at `done`; from `head` on without the body. Valid until reset(). The caller fills in `id` and
  /// `peer`.
  Request& request() noexcept { return request_; }
  const Refusal& refusal() const noexcept { return refusal_; }

  /// Forgets the request and makes ready for the next one. Keeps at most about 2 KB of buffers.
  void reset() noexcept;

 private:
  enum class Phase : std::uint8_t { head, length, chunked, done, refused };

  Progress feed_head(std::string_view bytes);
  Progress feed_length(std::string_view bytes);
  Progress feed_chunked(std::string_view bytes);
  std::size_t skip_empty_lines(std::string_view bytes) noexcept;
  /// Takes the complete head apart; head_ does not change any more.
  Progress on_head(std::size_t consumed);
  std::optional<Refusal> read_fields();
  Progress refuse(std::size_t consumed, const Refusal& refusal) noexcept;

  const Limits* limits_;
  Phase phase_ = Phase::head;
  std::uint8_t empty_line_bytes_ = 0;  // CR and LF seen before the request line
  std::size_t line_start_ = 0;         // offset in the head of the line being read
  std::size_t lines_ = 0;
  strict::Facts facts_;
  strict::Framing framing_;
  std::string head_;  // everything in request_ but the body points here or into storage_
  strict::TargetStorage storage_;
  ChunkedReader chunks_;
  Request request_;
  Refusal refusal_;
};

}  // namespace sluice::http
