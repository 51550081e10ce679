#include "tests/unit/server/tls/counted_key.hpp"

#include <atomic>
#include <stdexcept>

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

// The methods of keys are deprecated in favour of providers, which would take a thousand lines to count a
// call.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace sluice::tls {
namespace {

using Bio = Handle<BIO, BIO_free_all>;
using Certificate = Handle<X509, X509_free>;

std::atomic<int> operations{0};

void check(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(what);
}

int counting_ecdsa_sign(int type, const unsigned char* digest, int digest_size, unsigned char* signature,
                        unsigned* signature_size, const BIGNUM* inverse, const BIGNUM* rp, EC_KEY* key) {
  ++operations;
  int (*sign)(int, const unsigned char*, int, unsigned char*, unsigned*, const BIGNUM*, const BIGNUM*,
              EC_KEY*) = nullptr;
  EC_KEY_METHOD_get_sign(EC_KEY_OpenSSL(), &sign, nullptr, nullptr);
  return sign(type, digest, digest_size, signature, signature_size, inverse, rp, key);
}

int counting_rsa_sign(int size, const unsigned char* from, unsigned char* to, RSA* key, int padding) {
  ++operations;
  return RSA_meth_get_priv_enc(RSA_PKCS1_OpenSSL())(size, from, to, key, padding);
}

int counting_rsa_decrypt(int size, const unsigned char* from, unsigned char* to, RSA* key, int padding) {
  ++operations;
  return RSA_meth_get_priv_dec(RSA_PKCS1_OpenSSL())(size, from, to, key, padding);
}

const EC_KEY_METHOD* counting_ecdsa() {
  static EC_KEY_METHOD* const method = [] {
    EC_KEY_METHOD* const made = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
    int (*setup)(EC_KEY*, BN_CTX*, BIGNUM**, BIGNUM**) = nullptr;
    ECDSA_SIG* (*sign_sig)(const unsigned char*, int, const BIGNUM*, const BIGNUM*, EC_KEY*) = nullptr;
    EC_KEY_METHOD_get_sign(made, nullptr, &setup, &sign_sig);
    EC_KEY_METHOD_set_sign(made, counting_ecdsa_sign, setup, sign_sig);
    return made;
  }();
  return method;
}

const RSA_METHOD* counting_rsa() {
  static RSA_METHOD* const method = [] {
    RSA_METHOD* const made = RSA_meth_dup(RSA_PKCS1_OpenSSL());
    RSA_meth_set_priv_enc(made, counting_rsa_sign);
    RSA_meth_set_priv_dec(made, counting_rsa_decrypt);
    return made;
  }();
  return method;
}

PrivateKey counting(const EVP_PKEY* plain, KeyKind kind) {
  PrivateKey key{EVP_PKEY_new()};
  if (kind == KeyKind::ecdsa) {
    EC_KEY* const ec = EC_KEY_dup(EVP_PKEY_get0_EC_KEY(plain));
    check(ec != nullptr && EC_KEY_set_method(ec, counting_ecdsa()) == 1, "can't count ECDSA");
    check(EVP_PKEY_assign_EC_KEY(key.get(), ec) == 1, "EVP_PKEY_assign_EC_KEY");
  } else {
    RSA* const rsa = RSAPrivateKey_dup(EVP_PKEY_get0_RSA(plain));
    check(rsa != nullptr && RSA_set_method(rsa, counting_rsa()) == 1, "can't count RSA");
    check(EVP_PKEY_assign_RSA(key.get(), rsa) == 1, "EVP_PKEY_assign_RSA");
  }
  return key;
}

std::string contents(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

CountedKey make_counted_key(KeyKind kind) {
  const PrivateKey plain{kind == KeyKind::ecdsa ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048)};
  const Certificate certificate{X509_new()};
  check(plain && certificate, "OpenSSL is out of order");
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), plain.get());
  check(X509_sign(certificate.get(), plain.get(), EVP_sha256()) > 0, "can't sign a certificate");

  const Bio certificate_bio{BIO_new(BIO_s_mem())};
  const Bio key_bio{BIO_new(BIO_s_mem())};
  check(PEM_write_bio_X509(certificate_bio.get(), certificate.get()) == 1, "PEM");
  check(PEM_write_bio_PrivateKey(key_bio.get(), plain.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1,
        "PEM");
  return {.key = counting(plain.get(), kind),
          .certificate_pem = contents(certificate_bio.get()),
          .key_pem = contents(key_bio.get())};
}

int private_key_operations() noexcept { return operations; }

}  // namespace sluice::tls
