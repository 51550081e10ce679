#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "node/commands.hpp"
#include "server/listener.hpp"
#include "server/tls/certificate.hpp"

/// `serve --dev`: everything a first look needs, nothing that could be mistaken for a production set-up.
namespace sluice::node {

namespace {

const server::Config kDefaults;

std::filesystem::path user_state_dir(const std::string& application) {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  const std::filesystem::path base = state != nullptr && *state != '\0' ? std::filesystem::path(state)
                                     : home != nullptr && *home != '\0'
                                         ? std::filesystem::path(home) / ".local/state"
                                         : std::filesystem::path("/tmp");
  return base / (application + "-dev");
}

/// Keeps the certificate over restarts, so that a browser's exception stays good.
void use_dev_certificate(server::Config& config) {
  const auto certificate = config.state_dir / "dev-certificate.pem";
  const auto key = config.state_dir / "dev-key.pem";
  if (!std::filesystem::exists(certificate) || !std::filesystem::exists(key)) {
    const auto made = tls::make_self_signed({"localhost", "127.0.0.1", "::1"}, std::chrono::days{365});
    write_file(key, made.private_key_pem, true);
    write_file(certificate, made.certificate_pem, false);
  }
  config.certificate = {certificate.string()};
  config.private_key = {key.string()};
  std::printf("self-signed certificate, SHA-256 %s\n",
              tls::certificate_fingerprint(read_file(certificate)).c_str());
}

}  // namespace

void prepare_dev(const Application& application, server::Config& config) {
  if (config.listen == kDefaults.listen) config.listen = {"127.0.0.1:8443", "[::1]:8443"};
  if (config.state_dir == kDefaults.state_dir) config.state_dir = user_state_dir(application.name);
  if (config.hsts_max_age == kDefaults.hsts_max_age) config.hsts_max_age = {};
  std::error_code error;
  std::filesystem::create_directories(config.state_dir, error);
  if (error)
    throw std::runtime_error("can't make the state directory " + config.state_dir.string() + ": " +
                             error.message());
  if (config.certificate.empty()) use_dev_certificate(config);
  bool loopback_only = true;
  for (const auto& address : config.listen) {
    loopback_only = loopback_only && server::parse_endpoint(address).address().is_loopback();
  }
  const auto say = [](std::string_view line) {
    std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
    std::fflush(stdout);
  };
  application.prepare_dev({.config = config, .loopback_only = loopback_only, .say = say});
}

}  // namespace sluice::node
