#include "server/tls/ssl_outcome.hpp"

#include <cerrno>

#include <openssl/err.h>

namespace sluice::tls {

namespace {

/// What SSL_CTX_set_cert_cb(3)'s callback leaves when it ends a handshake; only Engine's does, for a guard.
bool is_refusal(unsigned long code) noexcept {
  return ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_CERT_CB_ERROR;
}

bool is_alert(unsigned long code) noexcept {
  const int reason = ERR_GET_REASON(code);
  return ERR_GET_LIB(code) == ERR_LIB_SSL && reason >= SSL_AD_REASON_OFFSET &&
         reason < SSL_AD_REASON_OFFSET + 256;
}

boost::system::error_code take_error() noexcept {
  const unsigned long code = ERR_peek_error();
  ERR_clear_error();
  if (is_refusal(code)) return StreamError::refused;
  return is_alert(code) ? StreamError::peer_alert : StreamError::protocol;
}

}  // namespace

Step outcome_of(SSL& ssl, int result) noexcept {
  if (result > 0) return {};
  const int system_error = errno;
  switch (SSL_get_error(&ssl, result)) {
    case SSL_ERROR_WANT_READ: return {.need = Need::readable};
    case SSL_ERROR_WANT_WRITE: return {.need = Need::writable};
    case SSL_ERROR_WANT_X509_LOOKUP: return {.need = Need::grant};
    case SSL_ERROR_ZERO_RETURN: return {.error = StreamError::closed};
    case SSL_ERROR_SYSCALL:
      ERR_clear_error();
      if (system_error == 0) return {.error = StreamError::truncated};
      return {.error = {system_error, boost::system::system_category()}};
    default: return {.error = take_error()};
  }
}

}  // namespace sluice::tls
