#pragma once
#include <boost/system/error_code.hpp>

namespace sluice {

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"  // protected in the base, but that has friends
/// Base of our error categories. They are static objects and never deleted through a pointer.
class ErrorCategory : public boost::system::error_category {
 protected:
  ~ErrorCategory() = default;
};
#pragma GCC diagnostic pop

}  // namespace sluice
