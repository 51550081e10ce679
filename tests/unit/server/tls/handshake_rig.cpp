#include "tests/unit/server/tls/handshake_rig.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/hmac.h>

namespace sluice::tls {
namespace {

using Ssl = Handle<SSL, SSL_free>;

void check(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(what);
}

/// What the client's callbacks note.
struct Notes {
  int alert = -1;
  std::vector<Session> issued{};
};

int note_session(SSL* ssl, SSL_SESSION* session) {
  static_cast<Notes*>(SSL_get_app_data(ssl))->issued.emplace_back(session);
  return 1;  // we keep the reference
}

void note_alert(const SSL* ssl, int where, int what) {
  if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && (what >> 8) == SSL3_AL_FATAL)
    static_cast<Notes*>(SSL_get_app_data(ssl))->alert = what & 0xff;
}

Context client_context(const Client& client) {
  Context context{SSL_CTX_new(TLS_client_method())};
  SSL_CTX_set_max_proto_version(context.get(), client.version);
  if (!client.tickets) SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET);
  if (client.groups != nullptr) check(SSL_CTX_set1_groups_list(context.get(), client.groups) == 1, "groups");
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context.get(), note_session);
  SSL_CTX_set_info_callback(context.get(), note_alert);
  return context;
}

Ssl client_end(SSL_CTX* context, const Client& client, Notes& notes) {
  Ssl ssl{SSL_new(context)};
  check(ssl != nullptr, "SSL_new");
  SSL_set_app_data(ssl.get(), &notes);
  SSL_set_connect_state(ssl.get());
  if (client.session != nullptr) check(SSL_set_session(ssl.get(), client.session) == 1, "SSL_set_session");
  return ssl;
}

/// Reads until there is nothing more, which also takes tickets in.
void drain(SSL* client) {
  std::array<char, 64> buffer;
  while (SSL_read(client, buffer.data(), static_cast<int>(buffer.size())) > 0) continue;
  ERR_clear_error();
}

bool is_resumable(const SSL_SESSION& session) { return SSL_SESSION_is_resumable(&session) == 1; }

}  // namespace

Rig::Rig(KeyKind kind, ContextOptions options, bool own) : key_(make_counted_key(kind)), own_(own) {
  const std::string base = testing::TempDir() + "rig-" + std::to_string(::getpid());
  std::ofstream(base + ".crt") << key_.certificate_pem;
  std::ofstream(base + ".key") << key_.key_pem;
  options.certificates = {base + ".crt"};
  options.private_keys = {base + ".key"};
  engine_ = std::make_unique<Engine>(options);
  std::filesystem::remove(base + ".crt");
  std::filesystem::remove(base + ".key");
  check(SSL_CTX_use_PrivateKey(&engine_->context(), key_.key.get()) == 1, "the counted key does not fit");
}

Outcome Rig::visit(const Client& client, ScriptedGuard* guard, const Act& act, Issue issue) {
  std::array<int, 2> ends{};
  check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0, "socketpair");
  Notes notes;
  const Context context = client_context(client);
  const Ssl ssl = client_end(context.get(), client, notes);
  SSL_set_fd(ssl.get(), ends[1]);
  const int before = private_key_operations();
  Outcome outcome;
  {
    const auto stream = make_stream(ends[0], engine_->context(), guard, own_ ? &buffers_ : nullptr, issue);
    Step step{.need = Need::readable};
    bool client_done = false;
    for (int flight = 0; flight < 20; ++flight) {
      if (!client_done) client_done = SSL_do_handshake(ssl.get()) == 1;
      ERR_clear_error();
      if (step.need != Need::nothing && !step.error) step = stream->handshake();
      if (step.need == Need::grant) ++outcome.suspended;
    }
    outcome.error = step.error;
    outcome.connected = client_done && step.need == Need::nothing && !step.error;
    outcome.resumed = stream->resumed();
    if (outcome.connected) {
      if (act) act(*stream);
      stream->write_some("x");
    }
    drain(ssl.get());
  }
  outcome.key_operations = private_key_operations() - before;
  outcome.alert = notes.alert;
  outcome.tickets = client.version == TLS1_3_VERSION ? notes.issued.size() : 0;
  SSL_set_shutdown(ssl.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);  // keeps the session resumable
  if (client.version == TLS1_3_VERSION) {
    if (!notes.issued.empty()) outcome.session = std::move(notes.issued.back());
  } else if (outcome.connected) {
    outcome.session.reset(SSL_get1_session(ssl.get()));
    if (!is_resumable(*outcome.session)) outcome.session.reset();
  }
  ::close(ends[0]);
  ::close(ends[1]);
  return outcome;
}

Hello hello_of(const Client& client) {
  Notes notes;
  const Context context = client_context(client);
  const Ssl ssl = client_end(context.get(), client, notes);
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_do_handshake(ssl.get());
  ERR_clear_error();
  std::array<char, 8192> buffer;
  const int size = BIO_read(SSL_get_wbio(ssl.get()), buffer.data(), static_cast<int>(buffer.size()));
  check(size > 0, "the client says nothing");
  return classify(as_bytes({buffer.data(), static_cast<std::size_t>(size)})).value();
}

std::string ticket_in(const SSL_SESSION& session) {
  const unsigned char* ticket = nullptr;
  std::size_t size = 0;
  SSL_SESSION_get0_ticket(&session, &ticket, &size);
  return {reinterpret_cast<const char*>(ticket), size};
}

Session replaced(SSL_SESSION& session, const std::string& from, const std::string& to) {
  const SecretBytes der = serialize_session(session);
  std::string bytes(der.view().begin(), der.view().end());
  const auto at = bytes.find(from);
  check(at != std::string::npos && !from.empty() && from.size() == to.size(), "nothing to replace");
  bytes.replace(at, from.size(), to);
  Session made = parse_session(as_bytes(bytes));
  check(made != nullptr, "no session any more");
  return made;
}

std::string flipped(std::string bytes, std::size_t bit) {
  bytes[bit / 8] = static_cast<char>(static_cast<unsigned char>(bytes[bit / 8]) ^ (1U << bit % 8));
  return bytes;
}

std::string seal(const TicketKey& key, Bytes der) {
  std::string ticket(key.name.begin(), key.name.end());
  const std::string iv(kTicketIvSize, 'v');
  ticket += iv;
  std::vector<unsigned char> sealed(der.size() + kTicketBlockSize);
  int size = 0;
  int last = 0;
  const Handle<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free> context{EVP_CIPHER_CTX_new()};
  check(EVP_EncryptInit_ex(context.get(), EVP_aes_256_cbc(), nullptr, key.aes.data(), as_bytes(iv).data()) ==
                1 &&
            EVP_EncryptUpdate(context.get(), sealed.data(), &size, der.data(),
                              static_cast<int>(der.size())) == 1 &&
            EVP_EncryptFinal_ex(context.get(), sealed.data() + size, &last) == 1,
        "can't encrypt");
  ticket.append(sealed.begin(), sealed.begin() + size + last);
  std::array<unsigned char, kTicketMacSize> mac{};
  unsigned mac_size = 0;
  HMAC(EVP_sha256(), key.hmac.data(), static_cast<int>(key.hmac.size()), as_bytes(ticket).data(),
       ticket.size(), mac.data(), &mac_size);
  return ticket.append(mac.begin(), mac.end());
}

std::string aged(Engine& engine, const std::string& ticket, std::chrono::seconds by) {
  const auto ring = engine.ticket_keys().ring();
  const auto der = engine.codec().open(ring->current(), as_bytes(ticket));
  check(der.has_value(), "not a ticket of this engine");
  const Session session = parse_session(der->view());
  SSL_SESSION_set_time(session.get(), SSL_SESSION_get_time(session.get()) - static_cast<long>(by.count()));
  return seal(ring->current(), serialize_session(*session).view());
}

}  // namespace sluice::tls
