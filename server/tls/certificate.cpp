#include "server/tls/certificate.hpp"

#include <array>
#include <stdexcept>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <boost/asio/ip/address.hpp>

#include "base/handle.hpp"

namespace sluice::tls {

namespace {

using Bio = Handle<BIO, BIO_free_all>;
using Key = Handle<EVP_PKEY, EVP_PKEY_free>;
using Certificate = Handle<X509, X509_free>;
using Extension = Handle<X509_EXTENSION, X509_EXTENSION_free>;

void require(bool fine, const char* what) {
  if (!fine) throw std::runtime_error(std::string("can't make a certificate: ") + what);
}

std::string contents(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension{X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str())};
  require(extension && X509_add_ext(certificate, extension.get(), -1) == 1, "extension");
}

std::string subject_alt_names(const std::vector<std::string>& names) {
  std::string list;
  for (const auto& name : names) {
    boost::system::error_code not_address;
    boost::asio::ip::make_address(name, not_address);
    list += (list.empty() ? "" : ",") + std::string(not_address ? "DNS:" : "IP:") + name;
  }
  return list;
}

void set_name(X509_NAME* name, const std::string& common_name) {
  const auto* text = reinterpret_cast<const unsigned char*>(common_name.c_str());
  require(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text, -1, -1, 0) == 1, "name");
}

void set_serial(X509* certificate) {
  std::array<unsigned char, 16> random{};
  require(RAND_bytes(random.data(), static_cast<int>(random.size())) == 1, "random serial");
  random[0] &= 0x7f;  // positive, RFC 5280 section 4.1.2.2
  const Handle<BIGNUM, BN_free> number{BN_bin2bn(random.data(), static_cast<int>(random.size()), nullptr)};
  require(number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr,
          "serial");
}

struct Issuer {
  X509* certificate;
  EVP_PKEY* key;
};

struct Extensions {
  const char *constraints, *key_usage, *extended_key_usage;  ///< `extended_key_usage`: null for none.
};
constexpr Extensions kServer{"critical,CA:FALSE", "critical,digitalSignature", "serverAuth"};
constexpr Extensions kMember{"critical,CA:FALSE", "critical,digitalSignature", "serverAuth,clientAuth"};
constexpr Extensions kAuthority{"critical,CA:TRUE,pathlen:0", "critical,keyCertSign", nullptr};

/// An ECDSA P-256 certificate. `issuer`: null signs it with its own key.
SelfSigned issue(const std::vector<std::string>& names, std::chrono::days lifetime,
                 const Extensions& extensions, const Issuer* issuer) {
  const Key key{EVP_EC_gen("P-256")};
  const Certificate certificate{X509_new()};
  require(key && certificate, "out of memory");
  X509* const raw = certificate.get();
  X509* const issuer_certificate = issuer != nullptr ? issuer->certificate : raw;
  X509_set_version(raw, X509_VERSION_3);
  set_serial(raw);
  X509_gmtime_adj(X509_getm_notBefore(raw), -3600);  // clocks differ
  X509_gmtime_adj(X509_getm_notAfter(raw), std::chrono::seconds{lifetime}.count());
  X509_set_pubkey(raw, key.get());
  set_name(X509_get_subject_name(raw), names.empty() ? "sluice" : names.front());
  require(X509_set_issuer_name(raw, X509_get_subject_name(issuer_certificate)) == 1, "issuer");
  add_extension(raw, issuer_certificate, NID_basic_constraints, extensions.constraints);
  add_extension(raw, issuer_certificate, NID_key_usage, extensions.key_usage);
  if (extensions.extended_key_usage != nullptr) {
    add_extension(raw, issuer_certificate, NID_ext_key_usage, extensions.extended_key_usage);
    add_extension(raw, issuer_certificate, NID_subject_alt_name, subject_alt_names(names));
  }
  EVP_PKEY* const signer = issuer != nullptr ? issuer->key : key.get();
  require(X509_sign(raw, signer, EVP_sha256()) > 0, "signature");

  const Bio certificate_bio{BIO_new(BIO_s_mem())};
  const Bio key_bio{BIO_new(BIO_s_secmem())};
  require(PEM_write_bio_X509(certificate_bio.get(), raw) == 1, "PEM");
  require(PEM_write_bio_PrivateKey(key_bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1,
          "PEM key");
  return {contents(certificate_bio.get()), contents(key_bio.get())};
}

Bio reader_of(const std::string& pem) {
  return Bio{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
}

}  // namespace

SelfSigned make_self_signed(const std::vector<std::string>& names, std::chrono::days lifetime) {
  return issue(names, lifetime, kServer, nullptr);
}

SelfSigned make_cluster_authority(std::chrono::days lifetime) {
  return issue({"sluice cluster"}, lifetime, kAuthority, nullptr);
}

SelfSigned make_member_certificate(const SelfSigned& authority, const std::string& name,
                                   std::chrono::days lifetime) {
  const Certificate certificate{
      PEM_read_bio_X509(reader_of(authority.certificate_pem).get(), nullptr, nullptr, nullptr)};
  const Key key{
      PEM_read_bio_PrivateKey(reader_of(authority.private_key_pem).get(), nullptr, nullptr, nullptr)};
  require(certificate && key && X509_check_private_key(certificate.get(), key.get()) == 1,
          "the authority's certificate and key are none, or do not fit");
  const Issuer issuer{certificate.get(), key.get()};
  return issue({name}, lifetime, kMember, &issuer);
}

std::string certificate_fingerprint(const std::string& pem) {
  const Bio bio{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
  const Certificate certificate{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)};
  if (!certificate) throw std::runtime_error("not a certificate in PEM form");
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  require(X509_digest(certificate.get(), EVP_sha256(), digest.data(), &size) == 1, "digest");
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    if (i > 0) text += ':';
    text += kDigits[digest[i] >> 4];
    text += kDigits[digest[i] & 15];
  }
  return text;
}

}  // namespace sluice::tls
