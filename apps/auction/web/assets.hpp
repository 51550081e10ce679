#pragma once
#include "server/http/static_files.hpp"

namespace sluice::auction::web {

/// Stylesheet and images compiled into the program, below "/assets/". Shared by all threads.
const http::EmbeddedFiles& assets();

}  // namespace sluice::auction::web
