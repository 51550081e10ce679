#pragma once
#include <string>

#include <openssl/bio.h>

#include "base/bytes.hpp"
#include "base/handle.hpp"

/// OpenSSL's input and output in the handshake: memory of the processor's, so that a flight takes one read
/// and one write.
namespace sluice::tls {

/// What is on its way between a socket and OpenSSL during one step of a handshake. One for all connections of
/// a processor: it is empty between steps.
struct Flight {
  Bytes in{};         ///< Received and not read by OpenSSL yet. Borrowed.
  std::string out{};  ///< Written by OpenSSL and not sent yet.
};

using Bio = Handle<BIO, BIO_free>;

/// Reads from and writes to `flight`, which it borrows. Throws `std::bad_alloc` only.
Bio make_flight_bio(Flight& flight);

}  // namespace sluice::tls
