#include "tests/unit/auction_store/fault_vfs.hpp"

#include <sqlite3.h>

#include <cassert>
#include <cstring>
#include <mutex>
#include <optional>

namespace sluice::auction::testing {

namespace {

namespace fs = std::filesystem;

/// State of the one disk. SQLite's callbacks carry no pointer of ours for files that are shared between
/// threads.
struct Disk {
  std::mutex mutex;
  fs::path durable;
  std::optional<FaultVfs::Operation> operation;
  int left = 0;  // operations until the failure
  int error = 0;
  bool for_good = false;
  bool failed = false;

  /// SQLITE_OK, or the failure that is due.
  int next(FaultVfs::Operation now) {
    const std::scoped_lock lock(mutex);
    if (operation != now) return SQLITE_OK;
    if (failed) return for_good ? error : SQLITE_OK;
    if (--left > 0) return SQLITE_OK;
    failed = true;
    return error;
  }
};
Disk disk;

sqlite3_vfs* system_vfs() { return sqlite3_vfs_find("unix"); }

/// The system's file lies behind it in the same allocation.
struct File {
  sqlite3_file base;
  const char* name;  // SQLite's, valid while the file is open; null for temporary files

  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};
File* ours(sqlite3_file* file) { return reinterpret_cast<File*>(file); }
sqlite3_file* real(sqlite3_file* file) { return ours(file)->real(); }

int close_file(sqlite3_file* file) { return real(file)->pMethods->xClose(real(file)); }
int read_file(sqlite3_file* file, void* to, int size, sqlite3_int64 at) {
  if (const int error = disk.next(FaultVfs::Operation::read)) return error;
  return real(file)->pMethods->xRead(real(file), to, size, at);
}
int write_file(sqlite3_file* file, const void* from, int size, sqlite3_int64 at) {
  if (const int error = disk.next(FaultVfs::Operation::write)) {
    // Half of it gets there, as on a real disk.
    real(file)->pMethods->xWrite(real(file), from, size / 2, at);
    return error;
  }
  return real(file)->pMethods->xWrite(real(file), from, size, at);
}
int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  return real(file)->pMethods->xTruncate(real(file), size);
}
int sync_file(sqlite3_file* file, int flags) {
  if (const int error = disk.next(FaultVfs::Operation::sync)) return error;
  const std::scoped_lock lock(disk.mutex);
  const int code = real(file)->pMethods->xSync(real(file), flags);
  if (code == SQLITE_OK && ours(file)->name != nullptr) {
    const fs::path path = ours(file)->name;
    fs::copy_file(path, disk.durable / path.filename(), fs::copy_options::overwrite_existing);
  }
  return code;
}
int file_size(sqlite3_file* file, sqlite3_int64* size) {
  return real(file)->pMethods->xFileSize(real(file), size);
}
int lock_file(sqlite3_file* file, int level) { return real(file)->pMethods->xLock(real(file), level); }
int unlock_file(sqlite3_file* file, int level) { return real(file)->pMethods->xUnlock(real(file), level); }
int check_lock(sqlite3_file* file, int* held) {
  return real(file)->pMethods->xCheckReservedLock(real(file), held);
}
int control(sqlite3_file* file, int op, void* arg) {
  return real(file)->pMethods->xFileControl(real(file), op, arg);
}
int sector_size(sqlite3_file* file) { return real(file)->pMethods->xSectorSize(real(file)); }
int characteristics(sqlite3_file* file) { return real(file)->pMethods->xDeviceCharacteristics(real(file)); }
int shm_map(sqlite3_file* file, int page, int size, int extend, void volatile** map) {
  return real(file)->pMethods->xShmMap(real(file), page, size, extend, map);
}
int shm_lock(sqlite3_file* file, int offset, int n, int flags) {
  return real(file)->pMethods->xShmLock(real(file), offset, n, flags);
}
void shm_barrier(sqlite3_file* file) { real(file)->pMethods->xShmBarrier(real(file)); }
int shm_unmap(sqlite3_file* file, int remove) { return real(file)->pMethods->xShmUnmap(real(file), remove); }

constexpr sqlite3_io_methods kMethods{2,           close_file,  read_file,       write_file,  truncate_file,
                                      sync_file,   file_size,   lock_file,       unlock_file, check_lock,
                                      control,     sector_size, characteristics, shm_map,     shm_lock,
                                      shm_barrier, shm_unmap,   nullptr,         nullptr};

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  file->pMethods = nullptr;
  ours(file)->name = name;
  sqlite3_vfs* const system = system_vfs();
  const int code = system->xOpen(system, name, real(file), flags, out_flags);
  if (real(file)->pMethods != nullptr) file->pMethods = &kMethods;
  return code;
}

sqlite3_vfs& vfs() {
  static sqlite3_vfs instance = [] {
    sqlite3_vfs copy = *system_vfs();
    copy.pNext = nullptr;
    copy.zName = "sluice-fault";
    copy.szOsFile += static_cast<int>(sizeof(File));
    copy.xOpen = open_file;
    return copy;
  }();
  return instance;
}

}  // namespace

FaultVfs::FaultVfs(fs::path durable) {
  fs::create_directories(durable);
  disk.durable = std::move(durable);
  heal();
  [[maybe_unused]] const int code = sqlite3_vfs_register(&vfs(), 0);
  assert(code == SQLITE_OK);
}

FaultVfs::~FaultVfs() { sqlite3_vfs_unregister(&vfs()); }

std::string FaultVfs::name() { return "sluice-fault"; }

void FaultVfs::fail(Operation operation, int n, int error, bool for_good) {
  const std::scoped_lock lock(disk.mutex);
  disk.operation = operation;
  disk.left = n;
  disk.error = error;
  disk.for_good = for_good;
  disk.failed = false;
}

void FaultVfs::heal() {
  const std::scoped_lock lock(disk.mutex);
  disk.operation.reset();
  disk.failed = false;
}

bool FaultVfs::failed() const {
  const std::scoped_lock lock(disk.mutex);
  return disk.failed;
}

void FaultVfs::save_durable_to(const fs::path& folder) const {
  const std::scoped_lock lock(disk.mutex);
  fs::remove_all(folder);
  fs::copy(disk.durable, folder);
}

}  // namespace sluice::auction::testing
