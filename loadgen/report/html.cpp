#include "loadgen/report/html.hpp"
namespace sluice::loadgen {
std::string html_report(const Result&) { return {}; }
}  // namespace sluice::loadgen
