#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

/// The access log: one JSON object a line, written by a thread of its own so that a slow disk stalls no
/// processor.
namespace sluice::server {

/// Shared by all processors. Each collects lines of its own and hands them over in chunks; when the writer is
/// behind by more than `kQueueMax` bytes a chunk is dropped and its lines are counted.
class AccessLog {
 public:
  static constexpr std::size_t kQueueMax = 16 << 20;

  /// `target`: a file to append to, "-" for standard output, "off". Throws when the file can't be opened.
  explicit AccessLog(std::string target);
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;
  ~AccessLog();  ///< Writes what is queued.

  bool enabled() const noexcept { return enabled_; }
  /// Takes whole lines. Any thread; holds a lock for a swap of pointers. False: dropped.
  bool push(std::string chunk) noexcept;
  /// Opens the file again by its name, as after a rotation. Any thread.
  void reopen() noexcept { reopen_.store(true); }

 private:
  void run();
  void write(const std::string& chunk) noexcept;
  void open_file();

  const std::string target_;
  const bool enabled_;
  int fd_ = -1;
  std::atomic<bool> reopen_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::string> queue_;
  std::size_t queued_bytes_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

/// What a line says of a request. Views are borrowed for the call.
struct AccessEntry {
  std::chrono::system_clock::time_point time{};
  std::string_view id{}, client{}, method{}, target{}, interaction{}, tls_version{};
  bool resumed = false;
  unsigned status = 0;
  std::uint64_t body_bytes = 0;          ///< Of the response, without the head.
  std::chrono::microseconds duration{};  ///< From the end of the request's head to the last byte written.
  std::uint64_t request_number = 0;      ///< On its connection, from 1.
  unsigned processor = 0;
};

/// Appends the line. The value of any query parameter called "password" is replaced by "***": RUBiS' client
/// sends it in the URL of every page.
void append_access_line(std::string& out, const AccessEntry& entry);

}  // namespace sluice::server
