#pragma once

/// The command line of sluice-load.
namespace sluice::loadgen {

/// Runs one command; returns the exit code: 0 ok, 1 it failed, 2 wrong usage, 3 the client was the limit, 99
/// a `--limit` was missed.
int command_line(int argc, char** argv);

}  // namespace sluice::loadgen
