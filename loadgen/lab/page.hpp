#pragma once
#include <string>

#include <boost/json/object.hpp>

#include "loadgen/lab/figures.hpp"
#include "loadgen/lab/lab.hpp"
#include "loadgen/lab/machine.hpp"

namespace sluice::loadgen::lab {

/// How and where a lab was done.
struct Circumstances {
  LabOptions options;
  Machine machine;
  std::string server_version;
};

/// One self-contained page: conclusions, charts, table of all points, settings, machine, the command to
/// repeat it.
std::string lab_page(const Findings& findings, const Circumstances& circumstances);

inline constexpr std::string_view kLabSchema = "sluice-load/lab/1";
/// The same for programs, with every result as `run --json` writes it.
boost::json::object lab_json(const Findings& findings, const Circumstances& circumstances);

}  // namespace sluice::loadgen::lab
