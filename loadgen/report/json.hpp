#pragma once
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "loadgen/result.hpp"

/// Results as versioned JSON, schema in loadgen/report/result.schema.json.
///
/// Counts are exact, a histogram is its exact extremes and sum with its buckets, so that a result that was
/// read back reports the same figures. What is zero or empty in a table of names is left out. `figures` and
/// the quantiles of a histogram are for readers in a hurry; reading takes neither.
namespace sluice::loadgen {

inline constexpr std::string_view kResultSchema = "sluice-load/result/1";

boost::json::object to_json(const Result& result);
/// `to_json()` as text for files: the outer levels indented, one second of the series a line.
std::string json_text(const Result& result);
/// Throws RunError naming what is missing, of the wrong type or out of bounds: a result file may come from
/// anywhere. Members it doesn't know are passed over.
Result result_from_json(const boost::json::value& value);

/// Atomically: a reader never sees half a file (what is no regular file, as /dev/stdout, is written as it
/// is). Throws RunError.
void write_file(const std::string& file, std::string_view content);
/// Whether write_file() could write there: better known before a run than after it. Throws RunError.
void check_writable(const std::string& file);
/// Reads a result, or `result.json` in it when it is a folder; at most 512 MB. Throws RunError with the
/// file's name.
Result read_result(const std::string& file);

}  // namespace sluice::loadgen
