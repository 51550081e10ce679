#pragma once
#include <chrono>
#include <string>
#include <vector>

/// Certificates for first steps and tests.
namespace sluice::tls {

struct SelfSigned {
  std::string certificate_pem;
  std::string private_key_pem;
};

/// An ECDSA P-256 certificate (RFC 5280 profile of a server) for `names`: DNS names and IP addresses. Throws
/// `std::runtime_error` when OpenSSL can't.
SelfSigned make_self_signed(const std::vector<std::string>& names, std::chrono::days lifetime);

/// SHA-256 of the (first) certificate in DER form, as browsers show it: "AB:CD:...". Throws when there is
/// none.
std::string certificate_fingerprint(const std::string& pem);

}  // namespace sluice::tls
