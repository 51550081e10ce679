#pragma once
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/clock.hpp"
#include "server/http/message.hpp"

/// Files as responses: those compiled into the binary, and those beneath a directory. Both answer GET and
/// HEAD, 204 to OPTIONS and 405 to everything else, honour conditional requests (RFC 9110 section 13), and
/// give `nullopt` for a path that is not theirs, so that the application can ask the next one or show its own
/// 404.
namespace sluice::http {

/// By the extension of a file name: "text/css; charset=utf-8"; "application/octet-stream" when unknown.
std::string_view content_type_of(std::string_view file_name) noexcept;

/// Files of the binary under names that contain a hash of their content, so that browsers may keep them for
/// ever and still see every change at once. Immutable once built: any thread may use it.
class EmbeddedFiles {
 public:
  struct File {
    std::string_view name;     ///< "site.css"; without '/'.
    std::string_view content;  ///< Must outlive the process' requests.
  };

  /// `prefix` is where they are served, such as "/static/". Throws std::invalid_argument for a name given
  /// twice.
  EmbeddedFiles(std::string_view prefix, std::initializer_list<File> files);

  /// "/static/site.0123456789ab.css" for "site.css". Throws std::out_of_range for an unknown name (a bug in a
  /// page).
  const std::string& url(std::string_view name) const;
  bool has(std::string_view path) const { return by_path_.contains(path); }
  std::optional<Response> serve(const Request& request, WallSeconds now) const;

 private:
  struct Entry {
    std::string_view content;
    std::string_view content_type;
    std::string etag;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };
  template <class T>
  using Map = std::unordered_map<std::string, T, Hash, std::equal_to<>>;

  Map<std::string> urls_;  // by name
  Map<Entry> by_path_;
};

/// The regular files beneath a directory. Small ones are kept in memory, and looked at for each request: what
/// changes there shows at once. Any thread may use it, but serving blocks for a system call or a few, and for
/// disk reads when the file is not in the page cache.
///
/// Not served, as if it did not exist: names that begin with a dot (except the top-level ".well-known" of RFC
/// 8615), and symbolic links anywhere below the root, since a link could name a dot file or something
/// outside. Links are excluded by opening one path component at a time with O_NOFOLLOW: as strict as
/// openat2() with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS, and it also works where seccomp filters or old
/// kernels refuse that call.
class DirectoryFiles {
 public:
  /// Throws std::system_error when `root` can't be opened as a directory. `root` itself may be a link.
  explicit DirectoryFiles(const std::string& root);
  DirectoryFiles(DirectoryFiles&& other) noexcept;
  DirectoryFiles& operator=(DirectoryFiles&&) = delete;
  ~DirectoryFiles();

  /// A path that ends in '/' means its index.html. Single byte ranges are served (206, 416). Pages of a
  /// directory get a Content-Security-Policy that lets them load what lies beside them.
  ///
  /// `began`: when the request, or a part of it, was there. A file that was looked at since then is not
  /// looked at again, so that requests which come together share a system call.
  std::optional<Response> serve(const Request& request, WallSeconds now,
                                Monotonic::time_point began = Monotonic::time_point::max()) const;

  /// A part of the file that serve() gives for this path, decoded, if it is still the one with that ETag.
  std::optional<FileBody> part(std::string_view path, std::string_view etag, std::uint64_t offset,
                               std::uint64_t size) const;

  static constexpr std::size_t kKeptSize = 64 * 1024;  ///< Of a file that is kept, at most ...
  static constexpr std::size_t kKeptFiles = 256;       ///< ... and of these so many.

 private:
  class Kept;
  int root_;
  std::unique_ptr<Kept> kept_;
};

}  // namespace sluice::http
