#include "server/http/response_head.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>

#include "server/http/text.hpp"

namespace sluice::http {
namespace {

struct Default {
  std::string_view name;
  std::string_view line;
};

constexpr std::array<Default, 5> kDefaults{{
    {"X-Content-Type-Options", "X-Content-Type-Options: nosniff\r\n"},
    {"Referrer-Policy", "Referrer-Policy: same-origin\r\n"},
    {"Content-Security-Policy",
     "Content-Security-Policy: default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
     "base-uri 'none'; frame-ancestors 'none'\r\n"},
    {"Cross-Origin-Opener-Policy", "Cross-Origin-Opener-Policy: same-origin\r\n"},
    {"Permissions-Policy", "Permissions-Policy: camera=(), geolocation=(), microphone=()\r\n"},
}};
constexpr std::string_view kHsts = "Strict-Transport-Security";

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), end.ptr);
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

bool is_safe(const Response::Field& field) noexcept {
  const auto breaks = [](char c) {
    return static_cast<unsigned char>(c) <= '\r' && (c == '\r' || c == '\n' || c == '\0');
  };
  return std::ranges::none_of(field.value, breaks);
}

/// Which of the defaults, and behind them HSTS, the response has of its own.
unsigned own_fields(const Response& response) noexcept {
  unsigned own = 0;
  for (const Response::Field& field : response.fields) {
    for (std::size_t i = 0; i < kDefaults.size(); ++i) {
      if (equal_without_case(field.name, kDefaults[i].name)) own |= 1U << i;
    }
    if (equal_without_case(field.name, kHsts)) own |= 1U << kDefaults.size();
  }
  return own;
}

void append_status_line(std::string& out, unsigned status) {
  if (status == 200) {
    out.append("HTTP/1.1 200 OK\r\n");
    return;
  }
  out.append("HTTP/1.1 ");
  append_number(out, status);
  out.append(" ").append(reason_phrase(status)).append("\r\n");
}

void append_security_fields(std::string& out, const Response& response, std::chrono::seconds hsts_max_age) {
  const unsigned own = own_fields(response);
  for (std::size_t i = 0; i < kDefaults.size(); ++i) {
    if ((own >> i & 1U) == 0) out.append(kDefaults[i].line);
  }
  if (hsts_max_age.count() > 0 && (own >> kDefaults.size() & 1U) == 0) {
    out.append(kHsts).append(": max-age=");
    append_number(out, static_cast<std::uint64_t>(hsts_max_age.count()));
    out.append("\r\n");
  }
}

}  // namespace

void append_head(std::string& out, const Response& response, const HeadContext& context) {
  out.reserve(out.size() + 768);
  append_status_line(out, response.status);
  append_field(out, "Date", context.date);
  if (context.keep_alive && !response.close) {
    out.append("Connection: keep-alive\r\nKeep-Alive: timeout=");
    append_number(out, static_cast<std::uint64_t>(context.keepalive_timeout.count()));
    out.append("\r\n");
  } else {
    out.append("Connection: close\r\n");
  }
  const bool has_content = response.status != 204 && response.status != 304;
  if (has_content) {
    if (!response.content_type.empty()) append_field(out, "Content-Type", response.content_type);
    out.append("Content-Length: ");
    append_number(out, response.body_size());
    out.append("\r\n");
  }
  for (const Response::Field& field : response.fields) {
    const bool safe = is_safe(field);
    assert(safe);
    if (safe) append_field(out, field.name, field.value);
  }
  append_security_fields(out, response, context.hsts_max_age);
  if (!context.request_id.empty()) append_field(out, "X-Request-Id", context.request_id);
  out.append("\r\n");
}

}  // namespace sluice::http
