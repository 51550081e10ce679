#pragma once
#include <chrono>
#include <string>
#include <vector>

/// Certificates for first steps and tests.
namespace sluice::tls {

/// A certificate and its private key.
struct SelfSigned {
  std::string certificate_pem;
  std::string private_key_pem;
};

/// An ECDSA P-256 certificate (RFC 5280 profile of a server) for `names`: DNS names and IP addresses. Throws
/// `std::runtime_error` when OpenSSL can't.
SelfSigned make_self_signed(const std::vector<std::string>& names, std::chrono::days lifetime);

/// An authority for a cluster's members and nothing else. Throws like make_self_signed().
SelfSigned make_cluster_authority(std::chrono::days lifetime);

/// A certificate of that authority for the member `name`, for both sides of a connection. Throws, also when
/// `authority` is none.
SelfSigned make_member_certificate(const SelfSigned& authority, const std::string& name,
                                   std::chrono::days lifetime);

/// SHA-256 of the (first) certificate in DER form, as browsers show it: "AB:CD:...". Throws when there is
/// none.
std::string certificate_fingerprint(const std::string& pem);

}  // namespace sluice::tls
