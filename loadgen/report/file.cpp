#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <boost/json/stream_parser.hpp>
#include <boost/json/value.hpp>

#include "loadgen/error.hpp"
#include "loadgen/report/json.hpp"

namespace sluice::loadgen {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kFileMax = 512U * 1024 * 1024;

[[noreturn]] void fail(const std::string& what, const std::string& file, int error) {
  throw RunError("cannot " + what + " " + file + ": " + std::strerror(error));
}

/// 0, or the errno of what went wrong.
int write_plain(const std::string& file, std::string_view content) {
  errno = 0;
  std::ofstream out{file, std::ios::binary};
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  out.close();
  return out ? 0 : errno;
}

/// A device or a pipe: written as it is, as it can't be replaced by another file.
bool is_special(const std::string& file) {
  std::error_code ignored;
  const fs::file_status status = fs::status(file, ignored);
  return fs::exists(status) && !fs::is_regular_file(status);
}

}  // namespace

void check_writable(const std::string& file) {
  const fs::path folder = fs::path{file}.parent_path();
  std::error_code ignored;
  if (fs::is_directory(file, ignored)) fail("write", file, EISDIR);
  if (is_special(file)) {
    if (::access(file.c_str(), W_OK) != 0) fail("write", file, errno);
  } else if (::access(folder.empty() ? "." : folder.c_str(), W_OK | X_OK) != 0) {
    throw RunError("nothing can be written to " + file + ": its folder is missing or closed to us.");
  }
}

void write_file(const std::string& file, std::string_view content) {
  const bool direct = is_special(file);
  const std::string draft = direct ? file : file + ".part" + std::to_string(::getpid());
  int error = write_plain(draft, content);
  if (!direct && error == 0 && std::rename(draft.c_str(), file.c_str()) != 0) error = errno;
  if (!direct && error != 0) std::remove(draft.c_str());
  if (error != 0) fail("write", file, error);
}

Result read_result(const std::string& name) {
  std::error_code ignored;
  const std::string file = fs::is_directory(name, ignored) ? (fs::path{name} / "result.json").string() : name;
  errno = 0;
  std::ifstream in{file, std::ios::binary};
  if (!in) fail("read", file, errno);
  boost::json::stream_parser parser;
  std::string chunk(256 * 1024, '\0');
  std::uintmax_t size = 0;
  boost::system::error_code error;
  while (in.read(chunk.data(), static_cast<std::streamsize>(chunk.size())) || in.gcount() > 0) {
    const auto got = static_cast<std::size_t>(in.gcount());
    if ((size += got) > kFileMax) throw RunError(file + " is larger than a result can be (512 MB).");
    parser.write(chunk.data(), got, error);
    if (error) break;
  }
  if (in.bad()) fail("read", file, errno);
  if (!error) parser.finish(error);
  if (error) throw RunError(file + " is not JSON: " + error.message() + ".");
  try {
    return result_from_json(parser.release());
  } catch (const RunError& refusal) {
    throw RunError(file + " is " + refusal.what());
  }
}

}  // namespace sluice::loadgen
