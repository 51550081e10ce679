#include "apps/auction/store/populate/new_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <boost/system/system_error.hpp>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>

#include "apps/auction/store/sqlite/database.hpp"
#include "apps/auction/store/sqlite/folder.hpp"
#include "apps/auction/store/sqlite/schema.hpp"

namespace sluice::auction::population {

namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

fs::path with_suffix(fs::path path, const char* suffix) { return path += suffix; }

/// What may be replaced: an auction, and nobody has it open. Leaves no log beside it, for SQLite would apply
/// that log to the file which comes in its place.
void require_replaceable(const fs::path& target) {
  sqlite::Connection db(target, sqlite::Access::read_write);
  if (db.number("PRAGMA application_id") != sqlite::kApplicationId) {
    throw std::runtime_error(target.string() + " is not an auction: it is not replaced");
  }
  // Leaving WAL mode needs to be alone with the database.
  if (db.execute("PRAGMA journal_mode = DELETE")) {
    throw std::runtime_error(target.string() + " is in use: it is not replaced");
  }
}

void require_free(const fs::path& target, bool replace) {
  if (fs::exists(target)) {
    if (!replace) throw std::runtime_error(target.string() + " exists already");
    require_replaceable(target);
  } else if (fs::exists(with_suffix(target, "-wal")) || fs::exists(with_suffix(target, "-journal"))) {
    throw std::runtime_error(target.string() +
                             " is gone, but its log (-wal or -journal) is still there: remove it");
  }
}

}  // namespace

NewFile::NewFile(fs::path target, bool replace)
    : target_(fs::absolute(std::move(target))),
      temporary_(with_suffix(target_, ".partial")),
      replace_(replace) {
  require_free(target_, replace_);
  fd_ = ::open(temporary_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd_ < 0) fail("can't create " + temporary_.string());
  if (::flock(fd_, LOCK_EX | LOCK_NB) != 0 || ::ftruncate(fd_, 0) != 0) {
    const int reason = errno;
    ::close(fd_);
    errno = reason;
    fail("can't lock " + temporary_.string() + ", is another populate at work?");
  }
}

NewFile::~NewFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  ::close(fd_);
}

void NewFile::publish() {
  if (::fsync(fd_) != 0) fail("can't sync " + temporary_.string());
  require_free(target_, replace_);  // it took a while
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail("can't rename to " + target_.string());
  temporary_.clear();
  sqlite::sync_folder_of(target_);
}

}  // namespace sluice::auction::population
