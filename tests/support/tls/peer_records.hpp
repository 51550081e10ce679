#pragma once
#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>

#include <openssl/evp.h>

#include "server/tls/record_keys.hpp"

/// The records of a peer that may say anything: every inner type, any padding, each number wrong on purpose.
/// Written from the RFCs, beside RecordLayer and not with it.
namespace sluice::tls {

struct PeerRecord {
  std::uint8_t type = 23;  ///< In TLS 1.3 the inner one.
  std::string content{};
  std::size_t padding = 0;    ///< TLS 1.3: zeros behind the type.
  bool without_type = false;  ///< TLS 1.3: neither content nor type, only padding.
  std::uint16_t version = 0x0303;
};

/// Seals with `keys` and counts them on. AES-GCM in TLS 1.2 takes `keys.explicit_nonce`.
inline std::string seal_as_peer(RecordKeys& keys, const PeerRecord& record) {
  const Suite& suite = keys.suite;
  std::string inner = record.content;
  if (suite.tls13()) {
    if (!record.without_type) inner.push_back(static_cast<char>(record.type));
    inner.append(record.padding, '\0');
  }
  const std::size_t in_front = suite.explicit_nonce() ? 8 : 0;
  const std::size_t length = in_front + inner.size() + 16;
  std::string header;
  header.push_back(static_cast<char>(suite.tls13() ? 23 : record.type));
  header.push_back(static_cast<char>(record.version >> 8));
  header.push_back(static_cast<char>(record.version));
  header.push_back(static_cast<char>(length >> 8));
  header.push_back(static_cast<char>(length));
  const auto number = [](std::uint64_t value) {
    std::string bytes;
    for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(value >> shift));
    return bytes;
  };
  std::string nonce(reinterpret_cast<const char*>(keys.iv.data()), 12);
  if (suite.explicit_nonce()) {
    nonce = nonce.substr(0, 4) + number(keys.explicit_nonce);
  } else {
    const std::string sequence = number(keys.sequence);
    for (std::size_t i = 0; i < 8; ++i) nonce[4 + i] = static_cast<char>(nonce[4 + i] ^ sequence[i]);
  }
  std::string additional = header;
  if (!suite.tls13()) {
    additional = number(keys.sequence) + header.substr(0, 3);
    additional.push_back(static_cast<char>(inner.size() >> 8));
    additional.push_back(static_cast<char>(inner.size()));
  }
  const EVP_CIPHER* cipher = suite.aead == Aead::aes_128_gcm   ? EVP_aes_128_gcm()
                             : suite.aead == Aead::aes_256_gcm ? EVP_aes_256_gcm()
                                                               : EVP_chacha20_poly1305();
  const auto bytes = [](const std::string& text) {
    return reinterpret_cast<const unsigned char*>(text.data());
  };
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  std::string sealed(inner.size() + 16, '\0');
  auto* out = reinterpret_cast<unsigned char*>(sealed.data());
  int size = 0, last = 0;
  const bool ok = EVP_EncryptInit_ex(context, cipher, nullptr, keys.key.data(), bytes(nonce)) == 1 &&
                  EVP_EncryptUpdate(context, nullptr, &size, bytes(additional),
                                    static_cast<int>(additional.size())) == 1 &&
                  EVP_EncryptUpdate(context, out, &size, bytes(inner), static_cast<int>(inner.size())) == 1 &&
                  EVP_EncryptFinal_ex(context, out + size, &last) == 1 &&
                  EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, out + inner.size()) == 1;
  EVP_CIPHER_CTX_free(context);
  if (!ok) throw std::runtime_error("can't seal");
  const std::string explicit_part = suite.explicit_nonce() ? number(keys.explicit_nonce) : std::string();
  ++keys.sequence;
  ++keys.explicit_nonce;
  return header + explicit_part + sealed;
}

}  // namespace sluice::tls
