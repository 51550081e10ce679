#pragma once
#include <memory>

/// Ownership of C objects: the size of a pointer, no base class.
namespace sluice {

template <auto Free>
struct FreeWith {
  template <class T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};

/// Owns a `T*` and releases it with `Free`. A raw pointer in our code always borrows.
template <class T, auto Free>
using Handle = std::unique_ptr<T, FreeWith<Free>>;

}  // namespace sluice
