#pragma once
#include <memory>

#include "apps/auction/store/changes.hpp"
#include "apps/auction/store/repository.hpp"
#include "apps/auction/store/sqlite/health.hpp"
#include "apps/auction/store/sqlite/store.hpp"
#include "apps/auction/store/sqlite/writer.hpp"

namespace sluice::auction::sqlite {

/// The repository of one processor: reads inline over a connection of its own, writes through `writer`.
/// `health`, `writer` and `changes` outlive it. Its destructor waits until every answer it is still owed has
/// been posted.
std::unique_ptr<Repository> make_repository(const Options& options, Executor executor, Health& health,
                                            Writer& writer, const Changes& changes);

/// What FTS5 is to look for: every word of `text` as a prefix, at most 8 of them. Empty when there is none.
std::string match_expression(std::string_view text);

}  // namespace sluice::auction::sqlite
