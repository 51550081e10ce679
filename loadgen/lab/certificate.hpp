#pragma once
#include <string>
#include <string_view>

namespace sluice::loadgen::lab {

/// What a full handshake costs the server depends on its key most of all (overload-control.md, 3.1 in the
/// reference: RSA-4096 costs a hundred times a resumed handshake, P-256 two times).
enum class KeyKind { ecdsa, rsa2048, rsa4096 };
KeyKind parse_key_kind(std::string_view name);  ///< "ecdsa" (P-256), "rsa2048", "rsa4096"; throws UsageError.
std::string_view name_of(KeyKind kind) noexcept;

/// Writes a self-signed certificate for localhost and 127.0.0.1, good for a week, and its key (readable by
/// the owner only), as PEM. Throws RunError.
void make_certificate(KeyKind kind, const std::string& certificate_file, const std::string& key_file);

}  // namespace sluice::loadgen::lab
