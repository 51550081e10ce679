#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/descriptor.hpp"

/// Bytes that are too many for a message, handed over in memory (memfd) that nobody can change any more.
namespace sluice::cluster::tcp {

/// None when the machine has no memory for it.
Descriptor sealed_memory(Bytes bytes);
/// `nullopt`: it is not such memory, or has more than `most` bytes. Never waits: other files are not read.
std::optional<std::vector<std::uint8_t>> read_memory(int fd, std::size_t most);

}  // namespace sluice::cluster::tcp
