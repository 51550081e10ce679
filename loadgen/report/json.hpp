#pragma once
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "loadgen/result.hpp"

/// Results as versioned JSON, schema in loadgen/report/result.schema.json.
namespace sluice::loadgen {

inline constexpr std::string_view kResultSchema = "sluice-load/result/1";

boost::json::object to_json(const Result& result);
/// Throws RunError naming what is missing or of the wrong type: a result file may come from anywhere.
Result result_from_json(const boost::json::value& value);

/// Atomically: a reader never sees half a file. Throws RunError.
void write_file(const std::string& file, std::string_view content);
/// Reads a result; throws RunError with the file's name.
Result read_result(const std::string& file);

}  // namespace sluice::loadgen
