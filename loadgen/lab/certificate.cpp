#include "loadgen/lab/certificate.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "base/handle.hpp"
#include "loadgen/error.hpp"

namespace sluice::loadgen::lab {

namespace {

using Bio = Handle<BIO, BIO_free_all>;
using Key = Handle<EVP_PKEY, EVP_PKEY_free>;
using Certificate = Handle<X509, X509_free>;
using Extension = Handle<X509_EXTENSION, X509_EXTENSION_free>;

constexpr std::array<std::string_view, 3> kNames{"ecdsa", "rsa2048", "rsa4096"};

void require(bool fine, const std::string& what) {
  if (!fine) throw RunError("can't make a certificate for the lab: " + what);
}

Key make_key(KeyKind kind) {
  switch (kind) {
    case KeyKind::ecdsa: return Key{EVP_EC_gen("P-256")};
    case KeyKind::rsa2048: return Key{EVP_RSA_gen(2048)};
    case KeyKind::rsa4096: return Key{EVP_RSA_gen(4096)};
  }
  return nullptr;
}

void add_extension(X509* certificate, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const Extension extension{X509V3_EXT_conf_nid(nullptr, &context, nid, value)};
  require(extension && X509_add_ext(certificate, extension.get(), -1) == 1, "extension");
}

Certificate self_signed(EVP_PKEY* key) {
  Certificate certificate{X509_new()};
  require(certificate != nullptr, "out of memory");
  X509* const raw = certificate.get();
  X509_set_version(raw, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(raw), 1);
  X509_gmtime_adj(X509_getm_notBefore(raw), -3600);
  X509_gmtime_adj(X509_getm_notAfter(raw), 7L * 24 * 3600);
  X509_set_pubkey(raw, key);
  X509_NAME* name = X509_get_subject_name(raw);
  const auto* text = reinterpret_cast<const unsigned char*>("sluice-load lab");
  require(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text, -1, -1, 0) == 1, "name");
  require(X509_set_issuer_name(raw, name) == 1, "issuer");
  add_extension(raw, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
  require(X509_sign(raw, key, EVP_sha256()) > 0, "signature");
  return certificate;
}

Bio open_file(const std::string& file) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  require(fd >= 0, file);
  Bio bio{BIO_new_fd(fd, BIO_CLOSE)};
  if (!bio) ::close(fd);
  require(bio != nullptr, "out of memory");
  return bio;
}

}  // namespace

KeyKind parse_key_kind(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<KeyKind>(i);
  }
  throw UsageError("\"" + std::string(name) + "\" is no kind of certificate: ecdsa, rsa2048 or rsa4096");
}

std::string_view name_of(KeyKind kind) noexcept { return kNames[static_cast<std::size_t>(kind)]; }

void make_certificate(KeyKind kind, const std::string& certificate_file, const std::string& key_file) {
  const Key key = make_key(kind);
  require(key != nullptr, "key");
  const Certificate certificate = self_signed(key.get());
  require(PEM_write_bio_X509(open_file(certificate_file).get(), certificate.get()) == 1, certificate_file);
  const Bio key_bio = open_file(key_file);
  require(PEM_write_bio_PrivateKey(key_bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1,
          key_file);
}

}  // namespace sluice::loadgen::lab
