#include <cstdlib>
#include <string>
#include <string_view>

#include "loadgen/error.hpp"
#include "loadgen/model/transitions.hpp"

using namespace sluice::loadgen;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const Transitions& table) {
  using Kind = Transitions::Choice::Kind;
  require(table.size() > 0 && table.size() <= Transitions::kStatesMax);
  for (std::uint16_t from = 0; from < table.size(); ++from) {
    require(table.interaction(from).has_value() || table.names()[from].starts_with('/'));
    require(table.wait(from).count() >= 0);
    for (const double u : {0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1 - 0x1.0p-53}) {
      const auto choice = table.next(from, u);
      require(choice.wait.count() >= 0);
      require(choice.kind != Kind::state || choice.state < table.size());
      require(choice.kind != Kind::back || table.can_go_back(from));
    }
  }
}

}  // namespace

/// A table that is accepted can be walked; one that is not is refused with a sentence that begins with its
/// place.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    check(Transitions::parse({reinterpret_cast<const char*>(data), size}, "f"));
  } catch (const UsageError& error) {
    require(std::string_view{error.what()}.starts_with("f:"));
  }
  return 0;
}
