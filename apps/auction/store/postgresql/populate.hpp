#pragma once
#include <functional>
#include <string>

#include "apps/auction/store/populate/populate.hpp"

namespace sluice::auction::postgresql {

/// Fills a database with what auction::populate() makes of the same options (`file` and `force` do not
/// count), by COPY and in one transaction: whoever looks sees all of it or nothing, and when it is
/// interrupted nothing is left. Stages are "users", "items", "descriptions", "words", "bids", "comments",
/// "indices" and "disk".
///
/// Throws std::exception with a sentence for the operator, also when the database has an auction with users
/// or items already.
void populate(const std::string& url, const PopulateOptions& options,
              const std::function<void(Progress)>& report);

/// See auction::redate(). Works beside servers that use the database.
Redated redate(const std::string& url, WallSeconds now, bool force = false);

}  // namespace sluice::auction::postgresql
