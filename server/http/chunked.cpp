#include "server/http/chunked.hpp"

#include <algorithm>

#include "server/http/text.hpp"

namespace sluice::http {
namespace {

constexpr Refusal kMalformed{400, "The chunked body is malformed.", {}};
constexpr Refusal kTooLarge{413, "The request body is too large.", "body_bytes"};
constexpr Refusal kExtensionsTooLong{413, "The chunk extensions are too long.", "chunk_extension_bytes"};
constexpr Refusal kTrailerTooLong{431, "The trailer fields are too long.", "trailer_bytes"};

/// 64 bits; more can only be leading zeros or nonsense.
constexpr std::uint8_t kDigitsMax = 16;

}  // namespace

Checked<ChunkedReader::Progress> ChunkedReader::feed(std::string_view bytes, const Limits& limits,
                                                     std::string& body) {
  std::size_t at = 0;
  while (at < bytes.size() && state_ != State::complete) {
    if (state_ == State::data) {
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - at));
      body.append(bytes.substr(at, count));
      at += count;
      left_ -= count;
      if (left_ == 0) state_ = State::data_cr;
      continue;
    }
    if (const auto refusal = on_control(bytes[at++], limits, body.size())) return *refusal;
  }
  return Progress{at, state_ == State::complete};
}

std::optional<Refusal> ChunkedReader::on_control(char c, const Limits& limits,
                                                 std::size_t body_size) noexcept {
  const auto expect = [&](char wanted, State next) -> std::optional<Refusal> {
    if (c != wanted) return kMalformed;
    state_ = next;
    return std::nullopt;
  };
  switch (state_) {
    case State::size: return on_size(c, limits, body_size);
    case State::size_lf: {
      const State next = left_ == 0 ? State::trailer0 : State::data;
      digits_ = 0;
      return expect('\n', next);
    }
    case State::data_cr: return expect('\r', State::data_lf);
    case State::data_lf: return expect('\n', State::size);
    case State::trailer0:
    case State::trailer_name:
    case State::trailer_value:
    case State::trailer_lf: return on_trailer(c, limits);
    case State::end_lf: return expect('\n', State::complete);
    default: return on_extension(c, limits);
  }
}

std::optional<Refusal> ChunkedReader::on_size(char c, const Limits& limits, std::size_t body_size) noexcept {
  const int digit = hex_value(c);
  if (digit >= 0) {
    if (digits_ == kDigitsMax) return kMalformed;
    ++digits_;
    left_ = left_ << 4 | static_cast<unsigned>(digit);
    return std::nullopt;
  }
  if (digits_ == 0) return kMalformed;
  if (left_ > limits.body_bytes - std::min(body_size, limits.body_bytes)) return kTooLarge;
  return on_end_of_element(c);
}

/// Behind a complete size, name or value.
std::optional<Refusal> ChunkedReader::on_end_of_element(char c) noexcept {
  if (c == '\r') {
    state_ = State::size_lf;
  } else if (c == ';') {
    state_ = State::extension_name0;
  } else if (is_blank(c)) {
    state_ = State::blank_then_semicolon;
  } else {
    return kMalformed;
  }
  return std::nullopt;
}

std::optional<Refusal> ChunkedReader::on_extension(char c, const Limits& limits) noexcept {
  if (++extension_bytes_ > limits.chunk_extension_bytes) return kExtensionsTooLong;
  switch (state_) {
    case State::blank_then_semicolon:
      if (c == ';') {
        state_ = State::extension_name0;
      } else if (!is_blank(c)) {
        return kMalformed;
      }
      return std::nullopt;
    case State::extension_name0:
      if (is_blank(c)) return std::nullopt;
      if (!is_token_char(c)) return kMalformed;
      state_ = State::extension_name;
      return std::nullopt;
    case State::extension_name:
      if (is_token_char(c)) return std::nullopt;
      if (c == '=') {
        state_ = State::extension_value0;
        return std::nullopt;
      }
      if (is_blank(c)) {
        state_ = State::extension_equals;
        return std::nullopt;
      }
      return on_end_of_element(c);
    case State::extension_equals:
      if (is_blank(c)) return std::nullopt;
      if (c != '=' && c != ';') return kMalformed;
      state_ = c == '=' ? State::extension_value0 : State::extension_name0;
      return std::nullopt;
    case State::extension_value0:
      if (is_blank(c)) return std::nullopt;
      if (c != '"' && !is_token_char(c)) return kMalformed;
      state_ = c == '"' ? State::extension_quoted : State::extension_token;
      return std::nullopt;
    case State::extension_token:
      if (is_token_char(c)) return std::nullopt;
      return on_end_of_element(c);
    case State::extension_quoted:
      if (!is_value_char(c)) return kMalformed;
      if (c == '"') state_ = State::extension;
      if (c == '\\') state_ = State::extension_escaped;
      return std::nullopt;
    case State::extension_escaped:
      if (!is_value_char(c)) return kMalformed;
      state_ = State::extension_quoted;
      return std::nullopt;
    default:  // State::extension
      return on_end_of_element(c);
  }
}

/// Trailer fields are checked for their form and dropped: nobody here has a use for them, and merging them
/// into the fields is how a trailer becomes a second Host (RFC 9110 section 6.5.1).
std::optional<Refusal> ChunkedReader::on_trailer(char c, const Limits& limits) noexcept {
  if (state_ == State::trailer0 && c == '\r') {
    state_ = State::end_lf;
    return std::nullopt;
  }
  if (++trailer_bytes_ > limits.trailer_bytes) return kTrailerTooLong;
  switch (state_) {
    case State::trailer0:
      if (!is_token_char(c)) return kMalformed;
      state_ = State::trailer_name;
      return std::nullopt;
    case State::trailer_name:
      if (c == ':') {
        state_ = State::trailer_value;
      } else if (!is_token_char(c)) {
        return kMalformed;
      }
      return std::nullopt;
    case State::trailer_value:
      if (c == '\r') {
        state_ = State::trailer_lf;
      } else if (!is_value_char(c)) {
        return kMalformed;
      }
      return std::nullopt;
    default:  // State::trailer_lf
      if (c != '\n') return kMalformed;
      state_ = State::trailer0;
      return std::nullopt;
  }
}

}  // namespace sluice::http
