#include "server/tls/client_hello.hpp"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "hello_builder.hpp"
#include "openssl_hellos.hpp"

/// classify() beside OpenSSL, which reads the same bytes after us and has the last word: where it gets as far
/// as asking its client_hello callback, both must have seen the same.
namespace sluice::tls {
namespace {

Seen seen_by_us(const Hello& hello) {
  return {hello.legacy_version, std::string(hello.session_id().begin(), hello.session_id().end()),
          hello.offers_tls13, hello.has_ticket, hello.has_psk};
}

class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}

  std::string mutate(const std::string& real) {
    HelloBuilder builder = take_apart(real);
    for (std::size_t edits = below(3); edits > 0; --edits) edit(builder);
    std::string message = builder.message();
    for (std::size_t flips = below(3) / 2 * (1 + below(4)); flips > 0; --flips) {
      message[below(message.size())] = static_cast<char>(below(256));
    }
    return records(message, below(4) == 0 ? 1 + below(50) : 16'384);
  }

 private:
  std::size_t below(std::size_t end) {
    return std::uniform_int_distribution<std::size_t>{0, end - 1}(random_);
  }

  static std::string text(std::optional<Bytes> bytes) { return {bytes.value().begin(), bytes.value().end()}; }

  static HelloBuilder take_apart(const std::string& real) {
    ByteReader reader{as_bytes(real).subspan(9)};
    HelloBuilder builder;
    builder.version = text(reader.take(2));
    reader.take(32);
    builder.session_id = text(reader.vector(1));
    builder.cipher_suites = text(reader.vector(2));
    builder.compression = text(reader.vector(1));
    for (ByteReader list{reader.vector(2).value()}; !list.empty();) {
      const unsigned type = list.u16().value();
      builder.add(type, text(list.vector(2)));
    }
    return builder;
  }

  void edit(HelloBuilder& builder) {
    auto& extensions = builder.extensions;
    if (extensions.empty()) return;
    const std::size_t i = below(extensions.size());
    switch (below(8)) {
      case 0: extensions.erase(extensions.begin() + static_cast<std::ptrdiff_t>(i)); break;
      case 1: extensions.push_back(extensions[i]); break;
      case 2: std::swap(extensions[i], extensions.back()); break;
      case 3: extensions[i].second.resize(below(extensions[i].second.size() + 3)); break;
      case 4:
        // Above 14, use_srtp, which belongs to DTLS: OpenSSL refuses it out of hand, we leave that to
        // OpenSSL.
        extensions[i].first = static_cast<unsigned>(15 + below(45));
        break;
      case 5: builder.session_id = std::string(below(34), 'i'); break;
      case 6: extensions.insert(extensions.begin(), {35, std::string(below(2) * 20, 't')}); break;
      default: builder.with_extensions = below(5) != 0;
    }
  }

  std::mt19937 random_;
};

TEST(HelloOracle, AgreesOnRealHellos) {
  for (const RealHello& real : openssl_hellos()) {
    const auto hello = classify(as_bytes(real.bytes));
    const auto seen = seen_by_openssl(real.bytes);
    ASSERT_TRUE(hello && seen) << real.name;
    EXPECT_EQ(seen_by_us(*hello), *seen) << real.name;
  }
}

TEST(HelloOracle, AgreesOnMutatedHellos) {
  const auto hellos = openssl_hellos();
  unsigned agreed = 0;
  unsigned stricter = 0;
  unsigned refused = 0;
  for (unsigned seed = 0; seed < 3'000; ++seed) {
    const std::string bytes = Mutator{seed}.mutate(hellos[seed % hellos.size()].bytes);
    const auto hello = classify(as_bytes(bytes));
    const auto seen = seen_by_openssl(bytes);
    if (hello) {
      // Whatever we let pass, OpenSSL understands as we did.
      ASSERT_TRUE(seen) << "seed " << seed << ": " << to_hex(as_bytes(bytes));
      ASSERT_EQ(seen_by_us(*hello), *seen) << "seed " << seed << ": " << to_hex(as_bytes(bytes));
      ++agreed;
    } else if (seen) {
      // OpenSSL looks into most extensions after its callback only.
      ASSERT_EQ(hello.error(), HelloError::malformed) << "seed " << seed << ": " << to_hex(as_bytes(bytes));
      ++stricter;
    } else {
      ++refused;
    }
  }
  // The mutations must reach all three.
  EXPECT_GT(agreed, 500u);
  EXPECT_GT(stricter, 50u);
  EXPECT_GT(refused, 100u);
}

}  // namespace
}  // namespace sluice::tls
