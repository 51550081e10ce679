#pragma once
#include <memory>

#include "apps/auction/store/postgresql/shared.hpp"
#include "apps/auction/store/repository.hpp"

namespace sluice::auction::postgresql {

/// The repository of one processor, with sessions of its own, begun when they are needed. When it goes,
/// whatever is under way ends with `unavailable`.
///
/// Other servers write to the same database at any time and nobody tells us, so `unchanged` holds only for
/// what shows no topic at all: pages are kept only as long as nothing on them can change.
std::unique_ptr<Repository> make_repository(const Executor& executor, std::shared_ptr<Shared> shared);

}  // namespace sluice::auction::postgresql
