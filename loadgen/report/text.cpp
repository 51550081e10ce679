#include "loadgen/report/text.hpp"
namespace sluice::loadgen {
std::string summary(const Result&) { return {}; }
}  // namespace sluice::loadgen
