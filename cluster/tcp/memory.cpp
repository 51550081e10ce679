#include "cluster/tcp/memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sluice::cluster::tcp {

namespace {
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
}

Descriptor sealed_memory(Bytes bytes) {
  Descriptor memory{::memfd_create("sluice-tcp", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  for (Bytes rest = bytes; memory && !rest.empty();) {
    const auto count = ::write(memory.get(), rest.data(), rest.size());
    if (count <= 0) return {};
    rest = rest.subspan(static_cast<std::size_t>(count));
  }
  if (memory && ::fcntl(memory.get(), F_ADD_SEALS, kSeals) != 0) return {};
  return memory;
}

std::optional<std::vector<std::uint8_t>> read_memory(int fd, std::size_t most) {
  const int seals = ::fcntl(fd, F_GET_SEALS);
  struct stat info {};
  if (seals < 0 || (seals & kSeals) != kSeals || ::fstat(fd, &info) != 0 || info.st_size < 0 ||
      static_cast<std::size_t>(info.st_size) > most)
    return std::nullopt;
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(info.st_size));
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto count = ::pread(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (count <= 0) return std::nullopt;
    done += static_cast<std::size_t>(count);
  }
  return bytes;
}

}  // namespace sluice::cluster::tcp
