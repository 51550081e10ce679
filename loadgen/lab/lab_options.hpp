#pragma once
#include <CLI/App.hpp>

#include "loadgen/lab/lab.hpp"

namespace sluice::loadgen {

/// Adds the options of `lab` to its subcommand; `options` must outlive the parsing. Values are checked by
/// `run_lab`.
void add_lab_options(CLI::App& command, LabOptions& options);

}  // namespace sluice::loadgen
