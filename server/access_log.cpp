#include "server/access_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>
#include <stdexcept>

namespace sluice::server {

AccessLog::AccessLog(std::string target) : target_(std::move(target)), enabled_(target_ != "off") {
  if (!enabled_) return;
  open_file();
  if (fd_ < 0) throw std::runtime_error("can't open the access log " + target_ + ": " + std::strerror(errno));
  thread_ = std::thread([this] { run(); });
}

AccessLog::~AccessLog() {
  if (!enabled_) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
  if (fd_ >= 0) ::close(fd_);
}

void AccessLog::open_file() {
  const int fresh = target_ == "-" ? ::dup(STDOUT_FILENO)
                                   : ::open(target_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
  if (fresh < 0) return;  // keep writing to the old one
  if (fd_ >= 0) ::close(fd_);
  fd_ = fresh;
}

bool AccessLog::push(std::string chunk) noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (queued_bytes_ + chunk.size() > kQueueMax) return false;
    queued_bytes_ += chunk.size();
    queue_.push_back(std::move(chunk));
  }
  wake_.notify_one();
  return true;
}

void AccessLog::run() {
  std::vector<std::string> batch;
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    batch.swap(queue_);
    lock.unlock();
    if (reopen_.exchange(false)) open_file();
    std::size_t written = 0;
    for (const auto& chunk : batch) {
      write(chunk);
      written += chunk.size();
    }
    batch.clear();
    lock.lock();
    queued_bytes_ -= written;
  }
}

void AccessLog::write(const std::string& chunk) noexcept {
  std::string_view rest = chunk;
  while (!rest.empty()) {
    const ssize_t n = ::write(fd_, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return;  // a full disk must not stop the server; the lines are lost
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
}

namespace {

void append_escaped(std::string& out, std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte >= 0x7f) {  // what is not ASCII may not be UTF-8 either
      out += "\\u00";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    } else {
      out += c;
    }
  }
}

void append_target(std::string& out, std::string_view target) {
  static constexpr std::string_view kSecret = "password=";
  while (true) {
    const auto at = target.find(kSecret);
    const bool parameter =
        at != std::string_view::npos && at > 0 && (target[at - 1] == '?' || target[at - 1] == '&');
    if (!parameter) {
      if (at == std::string_view::npos) break;
      append_escaped(out, target.substr(0, at + kSecret.size()));
      target.remove_prefix(at + kSecret.size());
      continue;
    }
    append_escaped(out, target.substr(0, at + kSecret.size()));
    out += "***";
    target.remove_prefix(std::min(target.find('&', at), target.size()));
  }
  append_escaped(out, target);
}

void append_number(std::string& out, std::uint64_t number) {
  char digits[20];
  const auto end = std::to_chars(std::begin(digits), std::end(digits), number).ptr;
  out.append(digits, end);
}

void append_time(std::string& out, std::chrono::system_clock::time_point time) {
  const auto since = std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
  thread_local std::time_t cached_second = -1;
  thread_local char cached[32];
  const auto second = static_cast<std::time_t>(since / 1'000'000);
  if (second != cached_second) {
    std::tm parts{};
    ::gmtime_r(&second, &parts);
    std::strftime(cached, sizeof cached, "%Y-%m-%dT%H:%M:%S.", &parts);
    cached_second = second;
  }
  out += cached;
  char micros[6];
  auto fraction = static_cast<unsigned>(since % 1'000'000);
  for (int i = 5; i >= 0; --i, fraction /= 10) micros[i] = static_cast<char>('0' + fraction % 10);
  out.append(micros, sizeof micros);
  out += 'Z';
}

}  // namespace

void append_access_line(std::string& out, const AccessEntry& entry) {
  out += R"({"time":")";
  append_time(out, entry.time);
  out += R"(","request_id":")";
  out += entry.id;
  out += R"(","client":")";
  out += entry.client;
  out += R"(","method":")";
  append_escaped(out, entry.method);
  out += R"(","target":")";
  append_target(out, entry.target);
  out += R"(","status":)";
  append_number(out, entry.status);
  out += R"(,"body_bytes":)";
  append_number(out, entry.body_bytes);
  out += R"(,"interaction":")";
  out += entry.interaction;
  out += R"(","tls_version":")";
  out += entry.tls_version;
  out += entry.resumed ? R"(","resumed":true,"duration_us":)" : R"(","resumed":false,"duration_us":)";
  append_number(out, static_cast<std::uint64_t>(entry.duration.count()));
  out += R"(,"request_number":)";
  append_number(out, entry.request_number);
  out += R"(,"processor":)";
  append_number(out, entry.processor);
  out += "}\n";
}

}  // namespace sluice::server
