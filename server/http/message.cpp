#include "server/http/message.hpp"

#include <algorithm>
#include <cerrno>

#include <unistd.h>

#include "server/http/text.hpp"

namespace sluice::http {

std::string_view Request::field(std::string_view name) const noexcept {
  for (const Field& field : fields) {
    if (equal_without_case(field.name, name)) return field.value;
  }
  return {};
}

std::string_view Request::cookie(std::string_view name) const noexcept {
  // RFC 6265 section 5.4 asks clients for one field, but several are not an error.
  for (const Field& field : fields) {
    if (!equal_without_case(field.name, "cookie")) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      const std::string_view pair = trimmed(next_element(rest, ';'));
      const std::size_t equals = pair.find('=');
      if (equals == name.size() && pair.starts_with(name)) return pair.substr(equals + 1);
    }
  }
  return {};
}

FileBody& FileBody::operator=(FileBody&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(offset_, other.offset_);
  std::swap(size_, other.size_);
  return *this;
}

FileBody::~FileBody() {
  if (fd_ >= 0) ::close(fd_);
}

bool FileBody::read(std::uint64_t position, std::size_t count, std::string& out) const {
  if (position >= size_) return true;
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(count, size_ - position));
  const std::size_t before = out.size();
  out.resize(before + wanted);
  std::size_t done = 0;
  while (done < wanted) {
    const auto offset = static_cast<off_t>(offset_ + position + done);
    const ssize_t n = ::pread(fd_, out.data() + before + done, wanted - done, offset);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {  // truncated since it was opened, or unreadable
      out.resize(before);
      return false;
    }
    done += static_cast<std::size_t>(n);
  }
  return true;
}

std::string_view Response::field(std::string_view name) const noexcept {
  for (const Field& field : fields) {
    if (equal_without_case(field.name, name)) return field.value;
  }
  return {};
}

std::uint64_t Response::body_size() const noexcept {
  struct Size {
    std::uint64_t operator()(const std::string& text) const noexcept { return text.size(); }
    std::uint64_t operator()(std::string_view text) const noexcept { return text.size(); }
    std::uint64_t operator()(const FileBody& file) const noexcept { return file.size(); }
    std::uint64_t operator()(const std::shared_ptr<const std::string>& text) const noexcept {
      return text->size();
    }
  };
  return std::visit(Size{}, body);
}

std::string_view Response::body_text() const noexcept {
  struct Text {
    std::string_view operator()(const std::string& text) const noexcept { return text; }
    std::string_view operator()(std::string_view text) const noexcept { return text; }
    std::string_view operator()(const FileBody&) const noexcept { return {}; }
    std::string_view operator()(const std::shared_ptr<const std::string>& text) const noexcept {
      return *text;
    }
  };
  return std::visit(Text{}, body);
}

Response plain(unsigned status, std::string_view sentence) {
  Response response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  std::string text{sentence};
  text += '\n';
  response.body = std::move(text);
  return response;
}

Response see_other(std::string location) {
  Response response = plain(303, "See the page named in Location.");
  response.set("Location", std::move(location));
  return response;
}

Response method_not_allowed(std::string allow) {
  Response response = plain(405, "This page does not answer that method.");
  response.set("Allow", std::move(allow));
  return response;
}

std::string_view reason_phrase(unsigned status) noexcept {
  switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 203: return "Non-Authoritative Information";
    case 204: return "No Content";
    case 205: return "Reset Content";
    case 206: return "Partial Content";
    case 300: return "Multiple Choices";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 305: return "Use Proxy";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 402: return "Payment Required";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 407: return "Proxy Authentication Required";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 426: return "Upgrade Required";
    case 428: return "Precondition Required";            // RFC 6585
    case 429: return "Too Many Requests";                // RFC 6585
    case 431: return "Request Header Fields Too Large";  // RFC 6585
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "";
  }
}

}  // namespace sluice::http
