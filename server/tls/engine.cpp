#include "server/tls/engine.hpp"

#include <algorithm>
#include <new>

#include <openssl/rand.h>

#include "server/tls/handshake.hpp"
#include "server/tls/session_facts.hpp"

/// OpenSSL calls back on the thread that works on the connection. What these functions leave in its error
/// queue is cleared with the step's outcome (TlsStream).
namespace sluice::tls {

namespace {

Engine& engine_of(SSL* ssl) noexcept { return Engine::of(*SSL_get_SSL_CTX(ssl)); }

bool is_tls13(const SSL* ssl) noexcept { return SSL_version(ssl) == TLS1_3_VERSION; }

/// In TLS 1.3 the tickets are sent or not by their number.
void settle_tickets(SSL* ssl, const Handshake& handshake) noexcept {
  if (is_tls13(ssl)) SSL_set_num_tickets(ssl, handshake.may_issue() ? kTicketsPerHandshake : 0);
}

/// SSL_CTX_set_cert_cb(3): 1 goes on, 0 ends with internal_error, -1 suspends. OpenSSL calls it in full
/// handshakes only, before it looks for a signature algorithm or makes a key share.
int ask_to_sign(SSL* ssl, void*) noexcept {
  Handshake* const handshake = Handshake::of(ssl);
  if (handshake == nullptr) return 1;
  switch (handshake->may_sign()) {
    case Handshake::Answer::go_on: settle_tickets(ssl, *handshake); return 1;
    case Handshake::Answer::wait: return -1;
    case Handshake::Answer::refuse: break;
  }
  return 0;
}

/// Full handshakes up to TLS 1.2: a session that is never to be issued gets neither ticket nor ID. Nor is it
/// stored, see store_session().
int is_not_resumable(SSL* ssl, int) noexcept {
  const Handshake* const handshake = Handshake::of(ssl);
  if (is_tls13(ssl) || handshake == nullptr) return 0;
  return handshake->may_issue() || handshake->withheld() ? 0 : 1;
}

// Tickets. -----------------------------------------------------------------------------------------

int seal_ticket(Engine& engine, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                EVP_MAC_CTX* mac) {
  const auto ring = engine.ticket_keys().ring();
  const TicketKey& key = ring->current();
  std::copy(key.name.begin(), key.name.end(), name);
  if (RAND_bytes(iv, kTicketIvSize) != 1) return -1;
  return engine.codec().start_sealing(key, {iv, kTicketIvSize}, cipher, mac) ? 1 : -1;
}

/// SSL_CTX_set_tlsext_ticket_key_evp_cb(3): 0 does not know the key, 2 asks for a fresh ticket.
int use_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                   int sealing) noexcept {
  Engine& engine = engine_of(ssl);
  if (sealing != 0) return seal_ticket(engine, name, iv, cipher, mac);
  Handshake* const handshake = Handshake::of(ssl);
  if (handshake != nullptr && !handshake->try_ticket()) return 0;
  const auto ring = engine.ticket_keys().ring();
  const TicketKey* const key = ring->find({name, kTicketNameSize});
  if (key == nullptr) return 0;
  if (!engine.codec().start_opening(*key, {iv, kTicketIvSize}, cipher, mac)) return -1;
  return key == &ring->current() ? 1 : 2;
}

/// Puts the admission record into the session before it becomes a ticket. A session without one is sealed all
/// the same, where OpenSSL has promised a ticket; it will not resume.
int fill_ticket(SSL* ssl, void*) noexcept {
  const Handshake* const handshake = Handshake::of(ssl);
  if (handshake == nullptr || !handshake->guarded()) return 1;
  return set_record(*SSL_get_session(ssl), handshake->record()) ? 1 : 0;
}

/// SSL_CTX_set_session_ticket_cb(3). IGNORE_RENEW makes it a full handshake that issues a ticket.
SSL_TICKET_RETURN judge_ticket(SSL* ssl, SSL_SESSION* session, const unsigned char*, std::size_t,
                               SSL_TICKET_STATUS status, void*) noexcept {
  if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  const SessionFacts facts = facts_of(*session);
  if (!facts.live(SSL_version(ssl), wall_now(), engine_of(ssl).session_timeout()))
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  bool issue = true;
  if (Handshake* const handshake = Handshake::of(ssl); handshake != nullptr) {
    if (!handshake->may_resume(facts.record)) return SSL_TICKET_RETURN_IGNORE_RENEW;
    settle_tickets(ssl, *handshake);
    issue = handshake->may_issue();
  }
  // A client uses a ticket of TLS 1.3 once (RFC 8446 appendix C.4), so it gets the next one each time.
  const bool renew = issue && (is_tls13(ssl) || status == SSL_TICKET_SUCCESS_RENEW);
  return renew ? SSL_TICKET_RETURN_USE_RENEW : SSL_TICKET_RETURN_USE;
}

// Stored sessions. ---------------------------------------------------------------------------------

int name_session(SSL* ssl, unsigned char* id, unsigned* size) noexcept {
  const Engine& engine = engine_of(ssl);
  SessionIdBytes made{};
  if (!make_session_id(engine.ticket_keys().ring()->current(), engine.member(), made)) return 0;
  std::copy(made.begin(), made.end(), id);
  *size = kSessionIdSize;
  return 1;
}

Bytes id_of(const SSL_SESSION* session) noexcept {
  unsigned size = 0;
  const unsigned char* id = SSL_SESSION_get_id(session, &size);
  return {id, size};
}

/// Called for a new session of any kind; keeps no reference. TLS 1.3 has tickets only.
int store_session(SSL* ssl, SSL_SESSION* session) noexcept try {
  const Handshake* const handshake = Handshake::of(ssl);
  if (is_tls13(ssl) || (handshake != nullptr && !handshake->may_issue())) return 0;
  Engine& engine = engine_of(ssl);
  const WallSeconds issued{std::chrono::seconds{SSL_SESSION_get_time(session)}};
  StoredSession stored{.der = serialize_session(*session),
                       .record = handshake != nullptr ? handshake->record() : std::nullopt,
                       .expires_at = issued + engine.session_timeout()};
  if (stored.der.size() > 0) engine.sessions().put(id_of(session), std::move(stored), wall_now());
  return 0;
} catch (const std::bad_alloc&) {
  return 0;
}

/// The caller owns what it gets: `*copy = 0`.
SSL_SESSION* find_session(SSL* ssl, const unsigned char* id, int size, int* copy) noexcept try {
  *copy = 0;
  const WallSeconds now = wall_now();
  Engine& engine = engine_of(ssl);
  const auto stored = engine.sessions().get({id, static_cast<std::size_t>(size)}, now);
  if (!stored) return nullptr;
  Session session = parse_session(stored->der.view());
  if (!session || !facts_of(*session).live(SSL_version(ssl), now, engine.session_timeout())) return nullptr;
  Handshake* const handshake = Handshake::of(ssl);
  if (handshake != nullptr && !handshake->may_resume(stored->record)) return nullptr;
  return session.release();
} catch (const std::bad_alloc&) {
  return nullptr;
}

/// After a fatal alert (RFC 5246 section 7.2), and when a connection was not shut down.
void forget_session(SSL_CTX* context, SSL_SESSION* session) noexcept {
  Engine::of(*context).sessions().remove(id_of(session));
}

void set_sessions(SSL_CTX* context, const ContextOptions& options) {
  static constexpr unsigned char kContextId[] = "sluice";
  SSL_CTX_set_session_id_context(context, kContextId, sizeof kContextId - 1);
  SSL_CTX_set_timeout(context, static_cast<long>(options.session_timeout.count()));
  SSL_CTX_set_session_cache_mode(
      context, options.session_cache == 0
                   ? SSL_SESS_CACHE_OFF
                   : SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL | SSL_SESS_CACHE_NO_AUTO_CLEAR);
  SSL_CTX_sess_set_new_cb(context, store_session);
  SSL_CTX_sess_set_get_cb(context, find_session);
  SSL_CTX_sess_set_remove_cb(context, forget_session);
  SSL_CTX_set_generate_session_id(context, name_session);
  SSL_CTX_set_not_resumable_session_callback(context, is_not_resumable);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, use_ticket_key);
  SSL_CTX_set_session_ticket_cb(context, fill_ticket, judge_ticket, nullptr);
  SSL_CTX_set_num_tickets(context, kTicketsPerHandshake);
  SSL_CTX_set_cert_cb(context, ask_to_sign, nullptr);
}

}  // namespace

void Engine::store(SSL* ssl) noexcept { store_session(ssl, SSL_get_session(ssl)); }

Engine::Engine(const ContextOptions& options)
    : session_timeout_(options.session_timeout),
      member_(options.member.empty() ? 0 : number_of_member(options.member)),
      keys_({.lifetime = options.ticket_key_lifetime,
             .session_timeout = options.session_timeout,
             .clustered = !options.member.empty(),
             .secret = options.ticket_secret},
            wall_now()),
      sessions_(options.session_cache),
      issuer_(codec_, keys_, sessions_, member_, session_timeout_),
      context_(make_context(options)) {
  SSL_CTX_set_app_data(context_.get(), this);
  set_sessions(context_.get(), options);
}

}  // namespace sluice::tls
