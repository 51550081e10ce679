#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

/// A disk that fails when told to: an SQLite VFS between SQLite and the system's own. One at a time in a
/// process, and all its files have to be closed before it goes.
namespace sluice::auction::testing {

class FaultVfs {
 public:
  enum class Operation : std::uint8_t { read, write, sync };

  /// Registers it. `durable` is where it keeps what each synced file held when it was synced last: what is
  /// left after a power failure, in the worst case.
  explicit FaultVfs(std::filesystem::path durable);
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;
  ~FaultVfs();

  /// For Options::vfs.
  static std::string name();

  /// From now on the `n`-th `operation` (1 is the next one) fails with `error`, an SQLite result code, and so
  /// does every later one when `for_good`.
  void fail(Operation operation, int n, int error, bool for_good);
  void heal();
  /// Whether the failure has happened.
  bool failed() const;

  /// Copies what is durable at this moment.
  void save_durable_to(const std::filesystem::path& folder) const;
};

}  // namespace sluice::auction::testing
