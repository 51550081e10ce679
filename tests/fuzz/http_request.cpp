#include <cstdlib>
#include <string>
#include <string_view>

#include "server/http/request_parser.hpp"

using namespace sluice::http;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

/// Small, so that the fuzzer reaches them.
Limits small_limits() {
  Limits limits;
  limits.head_bytes = 600;
  limits.uri_bytes = 80;
  limits.fields = 8;
  limits.body_bytes = 64;
  limits.chunk_extension_bytes = 32;
  limits.trailer_bytes = 40;
  return limits;
}

/// What every request that is let through promises (message.hpp).
void check(const Request& request, const Limits& limits) {
  require(request.path == "*" || request.path.starts_with('/'));
  require(request.path.find('\0') == std::string_view::npos);
  const std::string path = std::string{request.path} + "/";
  require(path.find("/../") == std::string::npos && path.find("/./") == std::string::npos);
  require(request.body.size() <= limits.body_bytes && request.fields.size() <= limits.fields);
  for (const auto& field : request.fields) {
    require(!field.name.empty());
    require(field.value.find_first_of(std::string_view{"\r\n\0", 3}) == std::string_view::npos);
  }
}

/// Everything the caller can see of a stream of requests.
template <class NextSize>
std::string read_all(std::string_view bytes, NextSize next_size) {
  using State = RequestParser::State;
  const Limits limits = small_limits();
  RequestParser parser{limits};
  std::string out;
  const auto note = [&](std::string_view part) { out.append(part).push_back('\0'); };
  while (!bytes.empty()) {
    std::string_view portion = bytes.substr(0, next_size());
    bytes.remove_prefix(portion.size());
    while (!portion.empty()) {
      const auto [consumed, state] = parser.feed(portion);
      require(consumed > 0 || state == State::done || state == State::refused);
      portion.remove_prefix(consumed);
      if (state == State::refused) {
        note(std::to_string(parser.refusal().status));
        note(parser.refusal().sentence);
        return out;
      }
      if (state == State::head) note(parser.wants_continue() ? "head, waiting" : "head");
      if (state == State::need_more) require(portion.empty());
      if (state != State::done) continue;
      const Request& request = parser.request();
      check(request, limits);
      for (const auto part : {request.target, request.path, request.query, request.host}) note(part);
      for (const auto& field : request.fields) note(field.name), note(field.value);
      note(request.body);
      note(parser.keep_alive() ? "keep" : "close");
      parser.reset();
    }
  }
  note(parser.started() ? "incomplete" : "idle");
  return out;
}

}  // namespace

/// Whatever a client sends, in whatever portions, gives the same requests and the same refusal.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  const std::string whole = read_all(bytes, [] { return std::string_view::npos; });
  require(read_all(bytes, [] { return std::size_t{1}; }) == whole);
  unsigned state = static_cast<unsigned>(size);
  require(read_all(bytes, [&state] {
            state = state * 1'664'525 + 1'013'904'223;
            return std::size_t{1} + (state >> 16) % 23;
          }) == whole);
  return 0;
}
