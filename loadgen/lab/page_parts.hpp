#pragma once
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "loadgen/lab/page.hpp"

/// What the pages and the JSON of all labs have in common. Pure.
namespace sluice::loadgen::lab {

/// An element; `content` is HTML.
std::string tag(const char* name, const std::string& content);
/// Sentences; nothing when there are none.
std::string list(const std::vector<std::string>& lines);
/// A row of a table of facts; nothing when there is no value.
std::string fact(const std::string& name, const std::string& value);
/// Rows that say where it was measured.
std::string machine_facts(const Circumstances& circumstances);
/// "How it was measured", from rows; and how to do it again.
std::string how_measured(const std::string& rows, const std::string& command_line);

/// JSON has no NaN.
boost::json::value number(double value);
boost::json::value number(const std::optional<double>& value);
boost::json::object machine_json(const Machine& machine);

/// Writes index.html and lab.json into the lab's folder, and tells what they conclude and where they are.
/// Throws RunError.
void write_findings(const LabOptions& options, const std::string& page, const boost::json::object& json,
                    const std::vector<std::string>& conclusions, bool stopped, std::ostream& progress);

}  // namespace sluice::loadgen::lab
