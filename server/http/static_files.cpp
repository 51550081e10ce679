#include "server/http/static_files.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.hpp"
#include "base/descriptor.hpp"
#include "server/http/conditional.hpp"
#include "server/http/date.hpp"
#include "server/http/text.hpp"

namespace sluice::http {
namespace {

constexpr std::size_t kHashDigits = 12;
constexpr const char* kAllow = "GET, HEAD, OPTIONS";

std::string sha256_hex(std::string_view content) {
  std::array<std::uint8_t, 32> digest{};
  std::size_t size = 0;
  if (EVP_Q_digest(nullptr, "SHA256", nullptr, content.data(), content.size(), digest.data(), &size) != 1) {
    throw std::runtime_error("OpenSSL can't compute SHA-256");
  }
  return to_hex(digest);
}

/// The answer to methods that don't read; `nullopt` for those that do.
std::optional<Response> answer_method(Verb method) {
  if (method == Verb::get || method == Verb::head) return std::nullopt;
  if (method != Verb::options) return method_not_allowed(kAllow);
  Response response;
  response.status = 204;
  response.set("Allow", kAllow);
  return response;
}

/// The answer to a precondition that does not hold; `nullopt` to proceed.
std::optional<Response> answer_precondition(const Request& request, const Validators& validators,
                                            WallSeconds now) {
  switch (evaluate_preconditions(request, validators, now)) {
    case Precondition::not_modified: {
      Response response;
      response.status = 304;
      return response;
    }
    case Precondition::failed: return plain(412, "The file is not the one you asked about.");
    case Precondition::proceed: break;
  }
  return std::nullopt;
}

bool is_servable(std::string_view segment, bool top) noexcept {
  if (segment.empty() || segment.size() > 255) return false;
  return segment[0] != '.' || (top && segment == ".well-known");
}

/// Opens the file of a decoded path, one component at a time; -1 when there is none to be served.
Descriptor open_beneath(int root, std::string_view path) {
  constexpr int kFlags =
      O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;  // NONBLOCK: a FIFO must not hold us up
  constexpr unsigned kDepthMax = 32;
  Descriptor directory;
  int at = root;
  path.remove_prefix(1);
  for (unsigned depth = 0; depth < kDepthMax; ++depth) {
    const bool last = path.find('/') == std::string_view::npos;
    const std::string segment{next_element(path, '/')};
    if (!is_servable(segment, depth == 0)) break;
    Descriptor next{::openat(at, segment.c_str(), last ? kFlags : kFlags | O_DIRECTORY | O_PATH)};
    if (next.get() < 0 || last) return next;
    directory = std::move(next);
    at = directory.get();
  }
  return {};
}

/// What is below the root for the path of a request; empty when nothing can be.
std::string file_path(std::string_view path) {
  if (!path.starts_with('/') || path.find('\0') != std::string_view::npos) return {};
  std::string file{path};
  if (file.ends_with('/')) file += "index.html";
  return file;
}

/// Strong as long as the file system's clock ticks between two changes that keep the size. The same on every
/// member that has a copy with its times: so no inode.
std::string etag_of(const struct stat& status) {
  std::array<char, 64> text{};
  const auto nanoseconds = static_cast<unsigned long long>(status.st_mtim.tv_sec) * 1'000'000'000ULL +
                           static_cast<unsigned long long>(status.st_mtim.tv_nsec);
  std::snprintf(text.data(), text.size(), "\"%llx-%llx\"", static_cast<unsigned long long>(status.st_size),
                nanoseconds);
  return text.data();
}

std::string content_range(const Range& range, std::uint64_t size) {
  if (range.kind == Range::Kind::unsatisfiable) return "bytes */" + std::to_string(size);
  return "bytes " + std::to_string(range.offset) + "-" + std::to_string(range.offset + range.size - 1) + "/" +
         std::to_string(size);
}

/// What a response says of a file.
struct Description {
  std::uint64_t size = 0;
  std::string etag{};
  WallSeconds modified{};
  std::string_view content_type{};
};

Description describe(const struct stat& status, std::string_view path) {
  return {.size = static_cast<std::uint64_t>(status.st_size),
          .etag = etag_of(status),
          .modified = WallSeconds{std::chrono::seconds{status.st_mtim.tv_sec}},
          .content_type = content_type_of(path)};
}

/// The response to a GET or HEAD; `body` gives that of a range.
template <class MakeBody>
Response respond(const Description& file, const Request& request, WallSeconds now, MakeBody body) {
  // RFC 9110 section 8.8.2.1: never later than `Date`.
  const WallSeconds modified = std::min(file.modified, now);
  const Validators validators{file.etag, modified};
  std::optional<Response> response = answer_precondition(request, validators, now);
  if (response && response->status == 412) return std::move(*response);
  if (!response) {
    const Range range = select_range(request, validators, file.size, now);
    if (range.kind == Range::Kind::unsatisfiable) {
      Response refusal = plain(416, "The file does not have the bytes you asked for.");
      refusal.set("Content-Range", content_range(range, file.size));
      return refusal;
    }
    response.emplace();
    response->content_type = file.content_type;
    if (range.kind == Range::Kind::part) {
      response->status = 206;
      response->set("Content-Range", content_range(range, file.size));
    }
    response->body = body(range);
  }
  response->set("ETag", file.etag);
  response->set("Last-Modified", std::string{view(http_date(modified))});
  response->set("Accept-Ranges", "bytes");
  response->set("Content-Security-Policy", "default-src 'self'; base-uri 'self'; frame-ancestors 'self'");
  return std::move(*response);
}

bool same_file(const struct stat& a, const struct stat& b) noexcept {
  const auto same_time = [](const timespec& x, const timespec& y) {
    return x.tv_sec == y.tv_sec && x.tv_nsec == y.tv_nsec;
  };
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_mode == b.st_mode && a.st_size == b.st_size &&
         same_time(a.st_mtim, b.st_mtim) && same_time(a.st_ctim, b.st_ctim);
}

/// A change within the tick of the file system's clock would leave the times as they are.
constexpr std::chrono::seconds kSettled{2};

}  // namespace

std::string_view content_type_of(std::string_view file_name) noexcept {
  struct Type {
    std::string_view extension;
    std::string_view type;
  };
  static constexpr Type kTypes[] = {
      {"html", "text/html; charset=utf-8"},
      {"htm", "text/html; charset=utf-8"},
      {"css", "text/css; charset=utf-8"},
      {"js", "text/javascript; charset=utf-8"},
      {"mjs", "text/javascript; charset=utf-8"},
      {"json", "application/json"},
      {"svg", "image/svg+xml"},
      {"png", "image/png"},
      {"jpg", "image/jpeg"},
      {"jpeg", "image/jpeg"},
      {"gif", "image/gif"},
      {"webp", "image/webp"},
      {"avif", "image/avif"},
      {"ico", "image/x-icon"},
      {"woff2", "font/woff2"},
      {"woff", "font/woff"},
      {"txt", "text/plain; charset=utf-8"},
      {"md", "text/markdown; charset=utf-8"},
      {"csv", "text/csv; charset=utf-8"},
      {"xml", "application/xml"},
      {"pdf", "application/pdf"},
      {"wasm", "application/wasm"},
      {"webmanifest", "application/manifest+json"},
      {"mp4", "video/mp4"},
      {"webm", "video/webm"},
      {"mp3", "audio/mpeg"},
      {"zip", "application/zip"},
      {"gz", "application/gzip"},
  };
  const std::size_t dot = file_name.rfind('.');
  if (dot != std::string_view::npos) {
    for (const Type& type : kTypes) {
      if (equal_without_case(file_name.substr(dot + 1), type.extension)) return type.type;
    }
  }
  return "application/octet-stream";
}

EmbeddedFiles::EmbeddedFiles(std::string_view prefix, std::initializer_list<File> files) {
  for (const File& file : files) {
    const std::string hash = sha256_hex(file.content).substr(0, kHashDigits);
    std::string path{prefix};
    const std::size_t dot = std::min(file.name.rfind('.'), file.name.size());
    path.append(file.name.substr(0, dot)).append(".").append(hash).append(file.name.substr(dot));
    if (!urls_.emplace(file.name, path).second) {
      throw std::invalid_argument("embedded file '" + std::string{file.name} + "' is there twice");
    }
    by_path_.emplace(std::move(path), Entry{file.content, content_type_of(file.name), '"' + hash + '"'});
  }
}

const std::string& EmbeddedFiles::url(std::string_view name) const {
  const auto found = urls_.find(name);
  if (found == urls_.end()) throw std::out_of_range("no embedded file '" + std::string{name} + "'");
  return found->second;
}

std::optional<Response> EmbeddedFiles::serve(const Request& request, WallSeconds now) const {
  const auto found = by_path_.find(request.path);
  if (found == by_path_.end()) return std::nullopt;
  if (auto response = answer_method(request.method)) return response;
  const Entry& file = found->second;
  auto response = answer_precondition(request, Validators{file.etag}, now);
  if (!response) {
    response.emplace();
    response->content_type = file.content_type;
    response->body = file.content;
  }
  if (response->status == 412) return response;
  response->set("ETag", file.etag);
  response->set("Cache-Control", "public, max-age=31536000, immutable");
  return response;
}

/// Small files as they were read, to be served for as long as stat(2) says the same of them.
class DirectoryFiles::Kept {
 public:
  struct File {
    struct stat status {};
    Description description{};
    std::string content{};
    mutable std::atomic<Monotonic::time_point> looked_at{};  // then it was as it is here
  };
  using FilePtr = std::shared_ptr<const File>;

  /// Null when there is none, or it has changed.
  FilePtr find(int root, const std::string& path, Monotonic::time_point began) const {
    FilePtr file;
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = files_.find(path); found != files_.end()) file = found->second;
    }
    if (!file) return nullptr;
    if (file->looked_at.load(std::memory_order_relaxed) >= began) return file;
    const auto now = Monotonic::now();
    struct stat status {};
    if (::fstatat(root, path.c_str() + 1, &status, AT_SYMLINK_NOFOLLOW) != 0) return nullptr;
    if (!same_file(status, file->status)) return nullptr;
    file->looked_at.store(now, std::memory_order_relaxed);
    return file;
  }

  /// Reads the file if it is one to be kept.
  void keep(const std::string& path, int fd, const struct stat& status, WallSeconds now) {
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (size > kKeptSize || now - WallSeconds{std::chrono::seconds{status.st_mtim.tv_sec}} < kSettled) return;
    auto file = std::make_shared<File>();
    file->status = status;
    file->description = describe(status, path);
    file->content.resize(size);
    if (::pread(fd, file->content.data(), size, 0) != static_cast<ssize_t>(size)) return;
    const std::lock_guard lock(mutex_);
    if (files_.size() >= kKeptFiles) files_.clear();
    files_[path] = std::move(file);
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::string, FilePtr> files_;
};

DirectoryFiles::DirectoryFiles(const std::string& root)
    : root_(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)), kept_(std::make_unique<Kept>()) {
  if (root_ < 0) throw std::system_error(errno, std::generic_category(), "can't open the directory " + root);
}

DirectoryFiles::DirectoryFiles(DirectoryFiles&& other) noexcept
    : root_(std::exchange(other.root_, -1)), kept_(std::move(other.kept_)) {}

DirectoryFiles::~DirectoryFiles() {
  if (root_ >= 0) ::close(root_);
}

std::optional<Response> DirectoryFiles::serve(const Request& request, WallSeconds now,
                                              Monotonic::time_point began) const {
  const std::string path = file_path(request.path);
  if (path.empty()) return std::nullopt;
  if (const auto kept = kept_->find(root_, path, began)) {
    if (auto response = answer_method(request.method)) return response;
    return respond(kept->description, request, now, [&](const Range& range) -> Response::Body {
      if (range.kind == Range::Kind::whole) return std::shared_ptr<const std::string>(kept, &kept->content);
      return kept->content.substr(range.offset, range.size);
    });
  }
  Descriptor file = open_beneath(root_, path);
  struct stat status {};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  if (auto response = answer_method(request.method)) return response;
  kept_->keep(path, file.get(), status, now);
  return respond(describe(status, path), request, now, [&](const Range& range) -> Response::Body {
    return FileBody{file.release(), range.offset, range.size};
  });
}

std::optional<FileBody> DirectoryFiles::part(std::string_view path, std::string_view etag,
                                             std::uint64_t offset, std::uint64_t size) const {
  const std::string name = file_path(path);
  if (name.empty()) return std::nullopt;
  Descriptor file = open_beneath(root_, name);
  struct stat status {};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  const auto end = static_cast<std::uint64_t>(status.st_size);
  if (etag_of(status) != etag || offset > end || size > end - offset) return std::nullopt;
  return FileBody{file.release(), offset, size};
}

}  // namespace sluice::http
