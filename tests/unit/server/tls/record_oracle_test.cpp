#include <array>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/err.h>

#include "base/random.hpp"
#include "server/tls/certificate.hpp"
#include "server/tls/context.hpp"
#include "server/tls/flight_bio.hpp"
#include "server/tls/key_export.hpp"
#include "server/tls/key_schedule.hpp"
#include "server/tls/record_layer.hpp"

/// The record layer beside OpenSSL's: a client of OpenSSL speaks to a server of OpenSSL, and to ours that was
/// given the server's keys. Whatever happens to the bytes on their way, both must take or refuse them alike.
namespace sluice::tls {
namespace {

using Ssl = Handle<SSL, SSL_free>;

struct Variant {
  int version;
  const char* suite;
};

std::string name_of(const testing::TestParamInfo<Variant>& variant) {
  std::string name = variant.param.suite;
  std::erase_if(name, [](char c) { return c == '-' || c == '_'; });
  return name;
}

Context server_context() {
  static const SelfSigned made = make_self_signed({"localhost"}, std::chrono::days{1});
  provide_key_schedule();
  Context context{SSL_CTX_new_ex(nullptr, kKeyScheduleProperties, TLS_server_method())};
  const auto read = [](const std::string& pem) {
    return Handle<BIO, BIO_free>{BIO_new_mem_buf(pem.data(), -1)};
  };
  const auto certificate_bio = read(made.certificate_pem), key_bio = read(made.private_key_pem);
  const Handle<X509, X509_free> certificate{
      PEM_read_bio_X509(certificate_bio.get(), nullptr, nullptr, nullptr)};
  const Handle<EVP_PKEY, EVP_PKEY_free> key{
      PEM_read_bio_PrivateKey(key_bio.get(), nullptr, nullptr, nullptr)};
  SSL_CTX_use_certificate(context.get(), certificate.get());
  SSL_CTX_use_PrivateKey(context.get(), key.get());
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION);
  return context;
}

/// A connection whose handshake is through; its server is there twice.
class Connection {
 public:
  explicit Connection(const Variant& variant) {
    client_context_.reset(SSL_CTX_new(TLS_client_method()));
    for (SSL_CTX* context : {client_context_.get(), server_context_.get()}) {
      SSL_CTX_set_min_proto_version(context, variant.version);
      SSL_CTX_set_max_proto_version(context, variant.version);
    }
    const bool tls13 = variant.version == TLS1_3_VERSION;
    EXPECT_EQ(tls13 ? SSL_CTX_set_ciphersuites(client_context_.get(), variant.suite)
                    : SSL_CTX_set_cipher_list(client_context_.get(), variant.suite),
              1);
    client = end(client_context_.get(), client_flight_);
    server = end(server_context_.get(), server_flight_);
    SSL_set_connect_state(client.get());
    SSL_set_accept_state(server.get());
    shake_hands();
    SSL_set_msg_callback(server.get(), note_alert);
    SSL_set_msg_callback_arg(server.get(), this);
  }

  /// What the client has written since the last call.
  std::string said_by_client() { return std::exchange(client_flight_.out, {}); }

  /// OpenSSL's server reads all of it: plaintext, and the alert it sent, if any.
  void give_to_openssl(const std::string& bytes) {
    const std::string input = openssl_rest_ + bytes;
    server_flight_.in = as_bytes(input);
    std::array<char, 20'000> buffer;
    while (!openssl_over) {
      std::size_t size = 0;
      const int result = SSL_read_ex(server.get(), buffer.data(), buffer.size(), &size);
      if (result == 1) {
        openssl_plain.append(buffer.data(), size);
        continue;
      }
      const int error = SSL_get_error(server.get(), result);
      ERR_clear_error();
      openssl_over = error != SSL_ERROR_WANT_READ;
      if (error == SSL_ERROR_WANT_READ) break;
    }
    openssl_rest_.assign(server_flight_.in.begin(), server_flight_.in.end());
    server_flight_.in = {};
  }

  void give_to_layer(const std::string& bytes) {
    layer_input_.insert(layer_input_.end(), bytes.begin(), bytes.end());
    std::span<std::uint8_t> rest = layer_input_;
    while (!layer_over) {
      const Opened opened = layer->open(rest, reply);
      if (opened.what == Opened::What::need_more) break;
      layer_plain.append(opened.data.begin(), opened.data.end());
      rest = rest.subspan(opened.consumed);
      layer_over = opened.what != Opened::What::data && opened.what != Opened::What::nothing;
      if (opened.what == Opened::What::violation) layer_alert = static_cast<int>(opened.alert);
    }
    layer_input_.assign(rest.begin(), rest.end());
  }

  /// What the client reads of it; `nullopt` when it refuses.
  std::optional<std::string> client_reads(const std::string& bytes) {
    client_flight_.in = as_bytes(bytes);
    std::array<char, 20'000> buffer;
    std::string plain;
    while (true) {
      std::size_t size = 0;
      const int result = SSL_read_ex(client.get(), buffer.data(), buffer.size(), &size);
      if (result != 1) {
        const int error = SSL_get_error(client.get(), result);
        ERR_clear_error();
        client_flight_.in = {};
        if (error == SSL_ERROR_WANT_READ) return plain;
        return std::nullopt;
      }
      plain.append(buffer.data(), size);
    }
  }

  AeadCache cache{64};
  Ssl client, server;
  std::optional<RecordLayer> layer;
  std::string reply;  // of the layer
  std::string openssl_plain, layer_plain;
  bool openssl_over = false, layer_over = false;
  int openssl_alert = -1, layer_alert = -1;

 private:
  static Ssl end(SSL_CTX* context, Flight& flight) {
    Ssl ssl{SSL_new(context)};
    BIO* bio = make_flight_bio(flight).release();
    SSL_set_bio(ssl.get(), bio, bio);
    SSL_set_read_ahead(ssl.get(), 0);
    return ssl;
  }

  static void note_alert(int write, int, int type, const void* data, std::size_t size, SSL*, void* self) {
    const auto* bytes = static_cast<const unsigned char*>(data);
    if (write == 1 && type == SSL3_RT_ALERT && size == 2 && bytes[0] == SSL3_AL_FATAL)
      static_cast<Connection*>(self)->openssl_alert = bytes[1];
  }

  void shake_hands() {
    Flights flights;
    std::string to_client, to_server;
    bool client_done = false, server_done = false;
    for (int i = 0; i < 10 && !(client_done && server_done); ++i) {
      client_flight_.in = as_bytes(to_client);
      client_done = SSL_do_handshake(client.get()) == 1;
      to_client.clear();
      to_server = std::exchange(client_flight_.out, {});
      if (server_done) break;
      server_flight_.in = as_bytes(to_server);
      {
        const SecretsTap tap(secrets_);
        server_done = SSL_do_handshake(server.get()) == 1;
      }
      flights.note(as_bytes(server_flight_.out));
      to_client = std::exchange(server_flight_.out, {});
    }
    ERR_clear_error();
    ASSERT_TRUE(server_done);
    ASSERT_EQ(client_reads(to_client), "") << "tickets, or the Finished";
    const auto state = export_keys(*server, secrets_, flights);
    ASSERT_TRUE(state);
    layer.emplace(*state, cache);
  }

  Context client_context_, server_context_ = server_context();
  Flight client_flight_, server_flight_;
  TrafficSecrets secrets_;
  std::string openssl_rest_;
  std::vector<std::uint8_t> layer_input_;
};

class Oracle : public testing::TestWithParam<Variant> {
 protected:
  bool tls13() const { return GetParam().version == TLS1_3_VERSION; }
};

INSTANTIATE_TEST_SUITE_P(Suites, Oracle,
                         testing::Values(Variant{TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256"},
                                         Variant{TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384"},
                                         Variant{TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256"},
                                         Variant{TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256"},
                                         Variant{TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384"},
                                         Variant{TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305"}),
                         name_of);

std::string random_text(Random& random, std::size_t most) {
  std::string text(1 + random.below(static_cast<std::uint32_t>(most)), '\0');
  for (char& c : text) c = static_cast<char>('a' + random.below(26));
  return text;
}

TEST_P(Oracle, WhatAClientSaysReachesBothInWhateverPieces) {
  Random random{1};
  Connection connection(GetParam());
  std::string sent;
  for (int i = 0; i < 300; ++i) {
    const std::string text = random_text(random, i % 10 == 0 ? 40'000 : 300);
    ASSERT_EQ(SSL_write(connection.client.get(), text.data(), static_cast<int>(text.size())),
              static_cast<int>(text.size()));
    sent += text;
    if (tls13() && random.below(8) == 0)
      SSL_key_update(connection.client.get(),
                     random.below(2) == 0 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
    std::string bytes = connection.said_by_client();
    connection.give_to_openssl(bytes);
    while (!bytes.empty()) {
      const std::size_t piece = 1 + random.below(static_cast<std::uint32_t>(bytes.size()));
      connection.give_to_layer(bytes.substr(0, piece));
      bytes.erase(0, piece);
    }
  }
  EXPECT_TRUE(connection.layer_plain == sent);
  EXPECT_TRUE(connection.openssl_plain == sent);
  SSL_shutdown(connection.client.get());
  connection.give_to_layer(connection.said_by_client());
  EXPECT_TRUE(connection.layer_over);
  EXPECT_EQ(connection.layer_alert, -1);
}

TEST_P(Oracle, AClientReadsWhatTheLayerSeals) {
  Random random{2};
  Connection connection(GetParam());
  for (int i = 0; i < 300; ++i) {
    if (tls13() && random.below(5) == 0) {  // asked for by the client: the answer and the new key
      SSL_key_update(connection.client.get(), SSL_KEY_UPDATE_REQUESTED);
      SSL_write(connection.client.get(), "x", 1);
      connection.give_to_layer(connection.said_by_client());
      ASSERT_FALSE(connection.layer_over);
    }
    const std::string text = random_text(random, kPlaintextMax);
    std::vector<std::uint8_t> out(RecordLayer::sealed_max(text.size()));
    const std::size_t size = connection.layer->seal(as_bytes(text), out);
    const std::string bytes =
        std::exchange(connection.reply, {}) + std::string(out.begin(), out.begin() + static_cast<long>(size));
    ASSERT_EQ(connection.client_reads(bytes), text) << i;
  }
  std::string end;
  connection.layer->append_alert(Alert::close_notify, end);
  connection.client_reads(end);
  EXPECT_NE(SSL_get_shutdown(connection.client.get()) & SSL_RECEIVED_SHUTDOWN, 0);
}

/// Flips bits, cuts, doubles, swaps and invents records.
std::string spoilt(std::string bytes, Random& random) {
  const auto at = [&] { return random.below(static_cast<std::uint32_t>(bytes.size())); };
  switch (random.below(6)) {
    case 0: {
      const std::size_t place = at();
      bytes[place] = static_cast<char>(bytes[place] ^ 1 << random.below(8));
      break;
    }
    case 1: bytes[random.below(5)] = static_cast<char>(random.below(256)); break;  // of the first header
    case 2: bytes.erase(at(), 1 + random.below(20)); break;
    case 3: bytes.insert(at(), 1, static_cast<char>(random.below(256))); break;
    case 4: bytes += bytes; break;
    case 5: {
      std::string record{static_cast<char>(20 + random.below(5)), 3, 3, 0,
                         static_cast<char>(random.below(40))};
      while (record.size() < 5U + static_cast<unsigned char>(record[4]))
        record.push_back(static_cast<char>(random.below(4)));
      bytes.insert(0, record);
      break;
    }
  }
  return bytes;
}

TEST_P(Oracle, SpoiltBytesAreRefusedByBothWithTheSameAlert) {
  int refused = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    Random random{seed};
    Connection connection(GetParam());
    const std::string first = random_text(random, 100), second = random_text(random, 100);
    SSL_write(connection.client.get(), first.data(), static_cast<int>(first.size()));
    SSL_write(connection.client.get(), second.data(), static_cast<int>(second.size()));
    const std::string bytes = spoilt(connection.said_by_client(), random) + std::string(40'000, 'x');
    connection.give_to_openssl(bytes);
    connection.give_to_layer(bytes);
    ASSERT_EQ(connection.layer_plain, connection.openssl_plain) << seed;
    ASSERT_EQ(connection.layer_over, connection.openssl_over) << seed;
    // A record of TLS 1.2 that is too short for its AEAD is an error of OpenSSL's own to OpenSSL.
    const int expected = !tls13() && connection.openssl_alert == SSL_AD_INTERNAL_ERROR
                             ? SSL_AD_BAD_RECORD_MAC
                             : connection.openssl_alert;
    EXPECT_EQ(connection.layer_alert, expected) << seed;
    refused += connection.layer_over;
  }
  EXPECT_EQ(refused, 400) << "behind everything stand 40,000 bytes that are no records";
}

}  // namespace
}  // namespace sluice::tls
