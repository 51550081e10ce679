#pragma once
#include <stdexcept>

/// The two ways a run can fail before it has a result; `main` prints the sentence.
namespace sluice::loadgen {

/// What was asked for makes no sense: exit code 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// It made sense but can't be done, as with an unreachable target: exit code 1.
class RunError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace sluice::loadgen
