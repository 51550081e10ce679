#pragma once
#include <filesystem>

namespace sluice::auction::sqlite {

/// Makes the names in the folder of `file` durable: SQLite does so for its log, not for a new database.
/// Throws std::system_error.
void sync_folder_of(const std::filesystem::path& file);

}  // namespace sluice::auction::sqlite
