#pragma once
#include "node/node.hpp"

namespace sluice::auction {

/// `sluice populate`: makes a database, with a progress bar on a terminal.
node::Command populate_command();

/// Makes the small shop of `serve --dev`, or opens its auctions again when they have ended.
void prepare_demo(const std::filesystem::path& file, const std::function<void(std::string_view)>& say);

}  // namespace sluice::auction
