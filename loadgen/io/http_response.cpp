#include "loadgen/io/http_response.hpp"

#include <charconv>

#include <boost/algorithm/string/predicate.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>

namespace sluice::loadgen {
namespace {

namespace http = boost::beast::http;

constexpr std::uint32_t kHeadMax = 64 * 1024;
constexpr std::uint64_t kBodyMax = 64 * 1024 * 1024;
constexpr std::size_t kFieldMax = 4096;

std::string_view std_view(boost::beast::string_view text) { return {text.data(), text.size()}; }

std::optional<std::chrono::seconds> leading_seconds(std::string_view text) {
  std::uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || end == text.data()) return std::nullopt;
  return std::chrono::seconds{seconds};
}

}  // namespace

HttpResponse::HttpResponse(bool keep_body) : keep_body_(keep_body) {
  header_limit(kHeadMax);
  body_limit(kBodyMax);
  eager(true);
}

HttpResponse::State HttpResponse::put(std::string_view bytes) {
  bytes_ += bytes.size();
  if (pending_.empty()) return parse(bytes);
  pending_ += bytes;
  const std::string all = std::move(pending_);
  pending_.clear();
  return parse(all);
}

HttpResponse::State HttpResponse::parse(std::string_view bytes) {
  while (!bytes.empty() && !is_done()) {
    error_code error;
    const std::size_t used = basic_parser::put(boost::asio::buffer(bytes), error);
    bytes.remove_prefix(used);
    if (error == http::error::need_more) {
      pending_ = bytes;
      return State::more;
    }
    if (error) return State::broken;
    if (used == 0 && !is_done()) return State::broken;
  }
  return settle();
}

HttpResponse::State HttpResponse::end() {
  if (!got_some() || !pending_.empty()) return State::broken;
  error_code error;
  put_eof(error);
  return error ? State::broken : settle();
}

HttpResponse::State HttpResponse::settle() {
  if (!is_done()) return State::more;
  reusable_ = keep_alive();
  return State::done;
}

void HttpResponse::on_response_impl(int code, string_view, int, error_code&) {
  status_ = static_cast<unsigned>(code);
}

void HttpResponse::on_field_impl(http::field name, string_view name_text, string_view raw, error_code&) {
  const std::string_view value = std_view(raw);
  if (value.size() > kFieldMax) return;
  switch (name) {
    case http::field::retry_after: retry_after_ = leading_seconds(value); break;
    case http::field::location: location_ = value; break;
    case http::field::set_cookie: {
      auto pair = value.substr(0, value.find(';'));
      if (boost::algorithm::icontains(value, "; Max-Age=0")) pair = pair.substr(0, pair.find('=') + 1);
      if (pair.find('=') == std::string_view::npos || cookies_.size() + pair.size() > kFieldMax) break;
      if (!cookies_.empty()) cookies_ += "; ";
      cookies_ += pair;
      break;
    }
    case http::field::unknown:
      if (boost::beast::iequals(name_text, "Refresh")) refresh_ = leading_seconds(value);
      break;
    default: break;
  }
}

void HttpResponse::on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) {
  if (keep_body_ && length)
    body_.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(*length, 1024 * 1024)));
}

std::size_t HttpResponse::on_body_impl(string_view body, error_code&) {
  body_bytes_ += body.size();
  if (keep_body_) body_.append(body.data(), body.size());
  return body.size();
}

std::size_t HttpResponse::on_chunk_body_impl(std::uint64_t, string_view body, error_code& error) {
  if (body_bytes_ + body.size() > kBodyMax) {
    error = http::error::body_limit;
    return 0;
  }
  return on_body_impl(body, error);
}

}  // namespace sluice::loadgen
