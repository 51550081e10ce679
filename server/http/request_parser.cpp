#include "server/http/request_parser.hpp"

#include <algorithm>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>

#include "server/http/text.hpp"

namespace sluice::http {
namespace {

namespace beast = boost::beast;

constexpr Refusal kNotHttp{400, "The request line is not valid.", {}};
constexpr Refusal kBadLineEnd{400, "Lines of a request end in CR LF.", {}};
constexpr Refusal kFoldedField{400, "Folded header fields are not accepted.", {}};
constexpr Refusal kBadField{400, "A header field is not valid.", {}};
constexpr Refusal kTargetTooLong{414, "The request target is too long.", "uri_bytes"};
constexpr Refusal kTooManyFields{431, "There are too many header fields.", "fields"};
constexpr Refusal kHeadTooLong{431, "The header fields are too long.", "head_bytes"};

std::string_view view(beast::string_view text) noexcept { return {text.data(), text.size()}; }

/// Beast's parser of a complete head that stays in place: collects views, copies nothing. Lives on the stack
/// for one head. Bodies are read by us, see ChunkedReader.
class HeadReader final : public beast::http::basic_parser<true> {
 public:
  HeadReader(Request& request, strict::Facts& facts) noexcept : request_(request), facts_(facts) {}

  /// End of what was accepted; a refused field is on the next line.
  const char* accepted() const noexcept { return accepted_; }

 private:
  using ErrorCode = beast::error_code;
  using Text = beast::string_view;

  void on_request_impl(Verb method, Text, Text target, int, ErrorCode&) override {
    request_.method = facts_.method = method;
    request_.target = view(target);
    accepted_ = target.data() + target.size();
  }
  void on_field_impl(beast::http::field id, Text name, Text text, ErrorCode&) override {
    using Id = beast::http::field;
    const std::string_view value = view(text);
    request_.fields.push_back({view(name), value});
    accepted_ = text.data() + text.size();
    switch (id) {
      case Id::host: note(facts_.hosts, facts_.host, value); break;
      case Id::content_length: note(facts_.content_lengths, facts_.content_length, value); break;
      case Id::transfer_encoding: note(facts_.transfer_encodings, facts_.transfer_encoding, value); break;
      case Id::expect: note(facts_.expectations, facts_.expectation, value); break;
      case Id::connection: strict::note_connection(value, facts_); break;
      default: break;
    }
  }
  void on_header_impl(ErrorCode&) override {}
  void on_finish_impl(ErrorCode&) override {}

  static void note(unsigned& count, std::string_view& kept, std::string_view value) noexcept {
    ++count;
    kept = value;
  }

  // Never called: a head is all this parser is given.
  void on_response_impl(int, Text, int, ErrorCode&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorCode&) override {}
  std::size_t on_body_impl(Text, ErrorCode&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, Text, ErrorCode&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, Text, ErrorCode&) override { return 0; }

  Request& request_;
  strict::Facts& facts_;
  const char* accepted_ = nullptr;
};

/// Beast stops at a Content-Length it can't hold without telling it from nonsense.
Refusal explain_content_length(std::string_view head, const char* accepted, const Limits& limits) noexcept {
  std::string_view line = head.substr(static_cast<std::size_t>(accepted - head.data()));
  next_element(line, '\n');
  line = line.substr(0, line.find('\r'));
  next_element(line, ':');
  const auto length = strict::parse_content_length(trimmed(line), limits.body_bytes);
  return length ? kBadField : length.error();
}

template <class Container>
void clear_and_keep_at_most(Container& container, std::size_t capacity) noexcept {
  if (container.capacity() > capacity) {
    Container{}.swap(container);
  } else {
    container.clear();
  }
}

}  // namespace

RequestParser::Progress RequestParser::feed(std::string_view bytes) {
  switch (phase_) {
    case Phase::head: return feed_head(bytes);
    case Phase::length: return feed_length(bytes);
    case Phase::chunked: return feed_chunked(bytes);
    case Phase::done: return {0, State::done};
    case Phase::refused: break;
  }
  return {0, State::refused};
}

/// RFC 9112 section 2.2: at least one empty line before the request line is to be ignored; we allow two.
std::size_t RequestParser::skip_empty_lines(std::string_view bytes) noexcept {
  constexpr std::string_view kEmptyLines = "\r\n\r\n";
  std::size_t skipped = 0;
  while (skipped < bytes.size() && empty_line_bytes_ < kEmptyLines.size() &&
         bytes[skipped] == kEmptyLines[empty_line_bytes_]) {
    ++empty_line_bytes_;
    ++skipped;
  }
  return skipped;
}

/// Finds the lines, so that the end of the head is known before anything is parsed. What it refuses, it
/// refuses at a position that does not depend on how the bytes were cut.
RequestParser::Progress RequestParser::feed_head(std::string_view bytes) {
  std::size_t skipped = 0;
  if (head_.empty()) {
    skipped = skip_empty_lines(bytes);
    bytes.remove_prefix(skipped);
    if (bytes.empty()) return {skipped, State::need_more};
    if (empty_line_bytes_ % 2 != 0 || !is_token_char(bytes[0])) return refuse(skipped, kNotHttp);
  }
  const std::size_t request_line_max = limits_->uri_bytes + strict::kRequestLineOverhead;
  const std::size_t before = head_.size();
  const std::string_view portion = bytes.substr(0, limits_->head_bytes - before);
  const auto at = [&](std::size_t i) { return i < before ? head_[i] : portion[i - before]; };
  std::size_t next = 0;
  for (std::size_t lf; (lf = portion.find('\n', next)) != std::string_view::npos; next = lf + 1) {
    const std::size_t end = before + lf + 1;
    const std::size_t length = end - line_start_;
    if (lines_ == 0 && length > request_line_max) return refuse(skipped, kTargetTooLong);
    if (length < 2 || at(end - 2) != '\r') return refuse(skipped, kBadLineEnd);
    if (length == 2) {
      head_.append(portion.substr(0, lf + 1));
      return on_head(skipped + lf + 1);
    }
    if (is_blank(at(line_start_))) return refuse(skipped, kFoldedField);
    if (lines_ > limits_->fields) return refuse(skipped, kTooManyFields);
    ++lines_;
    line_start_ = end;
  }
  head_.append(portion);
  if (lines_ == 0 && head_.size() > request_line_max) return refuse(skipped, kTargetTooLong);
  if (head_.size() >= limits_->head_bytes) return refuse(skipped, kHeadTooLong);
  return {skipped + portion.size(), State::need_more};
}

RequestParser::Progress RequestParser::on_head(std::size_t consumed) {
  const std::string_view line = std::string_view{head_}.substr(0, head_.find('\r'));
  if (const auto refusal = strict::check_request_line(line, *limits_)) return refuse(consumed, *refusal);
  char& minor = head_[line.size() - 1];
  facts_.minor = minor == '0' ? 0 : 1;
  if (minor > '1') minor = '1';  // RFC 9110 section 2.5; Beast knows 1.0 and 1.1 only
  if (const auto refusal = read_fields()) return refuse(consumed, *refusal);

  const auto target = strict::parse_target(request_.target, request_.method, storage_);
  if (!target) return refuse(consumed, target.error());
  const auto framing = strict::check_fields(facts_, *limits_);
  if (!framing) return refuse(consumed, framing.error());

  request_.target = target->origin;
  request_.path = target->path;
  request_.query = target->query;
  request_.host = facts_.host;
  if (!target->authority.empty()) {  // RFC 9112 section 3.2.2: the Host field is then ignored
    request_.host = target->authority;
    for (Request::Field& field : request_.fields) {
      if (equal_without_case(field.name, "host")) field.value = target->authority;
    }
  }
  framing_ = *framing;
  if (framing_.chunked) {
    phase_ = Phase::chunked;
  } else if (framing_.length > 0) {
    constexpr std::uint64_t kReserveMax = 16'384;  // the client has yet to send what it announced
    request_.body.reserve(static_cast<std::size_t>(std::min(framing_.length, kReserveMax)));
    phase_ = Phase::length;
  } else {
    phase_ = Phase::done;
  }
  return {consumed, phase_ == Phase::done ? State::done : State::head};
}

std::optional<Refusal> RequestParser::read_fields() {
  HeadReader reader{request_, facts_};
  reader.header_limit(static_cast<std::uint32_t>(head_.size() + 1));
  reader.body_limit(boost::none);
  beast::error_code error;
  reader.put(boost::asio::buffer(head_), error);
  if (!error) return std::nullopt;
  if (error == beast::http::error::bad_content_length) {
    return explain_content_length(head_, reader.accepted(), *limits_);
  }
  return reader.accepted() == nullptr ? kNotHttp : kBadField;
}

RequestParser::Progress RequestParser::feed_length(std::string_view bytes) {
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(framing_.length, bytes.size()));
  request_.body.append(bytes.substr(0, count));
  framing_.length -= count;
  if (framing_.length > 0) return {count, State::need_more};
  phase_ = Phase::done;
  return {count, State::done};
}

RequestParser::Progress RequestParser::feed_chunked(std::string_view bytes) {
  const auto progress = chunks_.feed(bytes, *limits_, request_.body);
  if (!progress) return refuse(0, progress.error());
  if (!progress->complete) return {progress->consumed, State::need_more};
  phase_ = Phase::done;
  return {progress->consumed, State::done};
}

RequestParser::Progress RequestParser::refuse(std::size_t consumed, const Refusal& refusal) noexcept {
  phase_ = Phase::refused;
  refusal_ = refusal;
  return {consumed, State::refused};
}

void RequestParser::reset() noexcept {
  clear_and_keep_at_most(head_, 1024);
  clear_and_keep_at_most(storage_.origin, 128);
  clear_and_keep_at_most(storage_.path, 128);
  clear_and_keep_at_most(request_.body, 256);
  clear_and_keep_at_most(request_.fields, 24);
  request_.method = Verb::get;
  request_.target = request_.path = request_.query = request_.host = request_.id = {};
  request_.peer = nullptr;
  phase_ = Phase::head;
  empty_line_bytes_ = 0;
  line_start_ = lines_ = 0;
  facts_ = {};
  framing_ = {};
  chunks_.reset();
  refusal_ = {};
}

}  // namespace sluice::http
