#include "node/commands.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

#include <openssl/crypto.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "server/listener.hpp"
#include "server/metrics.hpp"
#include "server/tls/certificate.hpp"
#include "server/tls/context.hpp"

namespace sluice::node {

std::unique_ptr<LoadedConfig> load(const Application& application, const ConfigSources& sources) {
  auto loaded = std::make_unique<LoadedConfig>();
  loaded->config.declare(loaded->settings);
  loaded->cluster.declare(loaded->settings);
  application.declare(loaded->settings);
  if (!sources.file.empty()) loaded->settings.apply_file(sources.file, loaded->problems);
  loaded->settings.apply_environment(loaded->problems);
  for (const auto& assignment : sources.sets) loaded->settings.apply_flag(assignment, loaded->problems);
  return loaded;
}

int check(const Application& application, const ConfigSources& sources) {
  const auto loaded = load(application, sources);
  auto& problems = loaded->problems;
  for (auto& problem : loaded->config.check()) problems.push_back(std::move(problem));
  for (auto& problem : loaded->cluster.check()) problems.push_back(std::move(problem));
  for (auto& problem : application.check()) problems.push_back(std::move(problem));
  if (problems.empty()) {
    // Files and their fit are what is left to go wrong.
    try {
      tls::make_context(
          {.certificates = loaded->config.certificate, .private_keys = loaded->config.private_key});
      for (const auto& address : loaded->config.listen) server::parse_endpoint(address);
      loaded->cluster.try_files();
    } catch (const std::exception& error) {
      problems.push_back({"configuration", error.what()});
    }
  }
  for (const auto& problem : problems) std::fprintf(stderr, "%s\n", problem.text().c_str());
  if (problems.empty()) std::puts("The configuration is good.");
  return problems.empty() ? 0 : 1;
}

int print_config(const Application& application, const ConfigSources& sources, bool origin) {
  const auto loaded = load(application, sources);
  std::string section;
  for (auto& line : loaded->settings.lines()) {
    const auto dot = line.key.find('.');
    if (const std::string of_line = line.key.substr(0, dot); of_line != section) {
      std::printf("%s[%s]\n", section.empty() ? "" : "\n", of_line.c_str());
      section = of_line;
    }
    if (line.key.ends_with("token") && line.value != "\"\"") line.value = "\"(hidden)\"";
    const std::string& remark = origin ? line.origin : line.help;
    std::printf("%s = %s  # %s\n", line.key.c_str() + dot + 1, line.value.c_str(), remark.c_str());
  }
  for (const auto& problem : loaded->problems) std::fprintf(stderr, "%s\n", problem.text().c_str());
  return loaded->problems.empty() ? 0 : 1;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("can't read " + path.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const std::filesystem::path& path, std::string_view content, bool secret) {
  const std::string temporary = path.string() + ".new";
  const auto fail = [&] {
    throw std::runtime_error("can't write " + path.string() + ": " + std::strerror(errno));
  };
  ::unlink(temporary.c_str());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, secret ? 0600 : 0644);
  if (fd < 0) fail();
  const bool written = ::write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size());
  if (::close(fd) != 0 || !written || std::rename(temporary.c_str(), path.c_str()) != 0) fail();
}

int generate_certificate(const std::vector<std::string>& names, const std::string& certificate_file,
                         const std::string& key_file, unsigned days) {
  const auto made = tls::make_self_signed(names, std::chrono::days{days});
  write_file(key_file, made.private_key_pem, true);
  write_file(certificate_file, made.certificate_pem, false);
  std::printf("certificate %s\nkey         %s\nSHA-256     %s\n", certificate_file.c_str(), key_file.c_str(),
              tls::certificate_fingerprint(made.certificate_pem).c_str());
  return 0;
}

namespace {

tls::SelfSigned authority_in(const std::filesystem::path& folder, unsigned days) {
  const auto certificate = folder / "authority.pem", key = folder / "authority-key.pem";
  if (std::filesystem::exists(certificate)) return {read_file(certificate), read_file(key)};
  std::filesystem::create_directories(folder);
  auto made = tls::make_cluster_authority(std::chrono::days{days});
  write_file(key, made.private_key_pem, true);
  write_file(certificate, made.certificate_pem, false);
  std::printf("authority   %s\n", certificate.c_str());
  return made;
}

/// It becomes part of a file's name.
void require_plain(const std::string& name) {
  const bool plain = !name.empty() && name.size() <= 63 && name.front() != '.' && name != "authority" &&
                     std::ranges::all_of(name, [](unsigned char c) {
                       return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_';
                     });
  if (!plain)
    throw std::runtime_error("\"" + name + "\" is not a member's name: up to 63 letters, digits, - . and _");
}

}  // namespace

int generate_members(const std::vector<std::string>& names, const std::filesystem::path& folder,
                     unsigned days) {
  for (const std::string& name : names) require_plain(name);
  const auto authority = authority_in(folder, days);
  for (const std::string& name : names) {
    const auto made = tls::make_member_certificate(authority, name, std::chrono::days{days});
    write_file(folder / (name + "-key.pem"), made.private_key_pem, true);
    write_file(folder / (name + ".pem"), made.certificate_pem, false);
    std::printf("member      %s\n", (folder / (name + ".pem")).c_str());
  }
  return 0;
}

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

template <class Stream>
http::response<http::string_body> exchange(Stream& stream, const http::request<http::string_body>& request) {
  http::write(stream, request);
  boost::beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(64 << 20);  // ten minutes of samples are a few megabytes
  http::read(stream, buffer, parser);
  return parser.release();
}

http::response<http::string_body> ask(const std::string& url,
                                      const http::request<http::string_body>& request) {
  asio::io_context io;
  try {
    if (url.starts_with("unix:")) {
      asio::local::stream_protocol::socket socket(io);
      socket.connect(asio::local::stream_protocol::endpoint{url.substr(5)});
      return exchange(socket, request);
    }
    asio::ip::tcp::socket socket(io);
    const std::string address = url.starts_with("http://") ? url.substr(7) : url;
    socket.connect(server::parse_endpoint(address));
    return exchange(socket, request);
  } catch (const boost::system::system_error& error) {
    throw std::runtime_error("can't reach the server at " + url + ": " + error.code().message());
  }
}

/// The new process has a minute to come up.
constexpr std::chrono::seconds kUpgradePatience{75};

http::request<http::string_body> request_for(http::verb method, const std::string& target,
                                             const std::string& body, const std::string& token) {
  http::request<http::string_body> request{method, target, 11};
  request.body() = body;
  request.prepare_payload();
  request.set(http::field::host, "sluice");
  request.set(http::field::connection, "close");
  if (!token.empty()) request.set(http::field::authorization, "Bearer " + token);
  return request;
}

/// Begins it, and waits until another process answers, or the old one says why not.
int upgrade(const std::string& admin_url, const std::string& token) {
  const auto status = [&] {
    const auto response = ask(admin_url, request_for(http::verb::get, "/status", "", token));
    return boost::json::parse(response.body()).as_object();
  };
  const auto before = status().at("pid").as_int64();
  const auto begun = ask(admin_url, request_for(http::verb::post, "/upgrade", "", token));
  if (begun.result_int() >= 300) throw std::runtime_error(begun.body().substr(0, begun.body().find('\n')));
  const auto started = Monotonic::now();
  while (Monotonic::now() - started < kUpgradePatience) {
    const auto now = status();
    const auto pid = now.at("pid").as_int64();
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Monotonic::now() - started);
    if (pid != before) {
      std::printf("process %lld has taken over from %lld, after %lld ms\n", static_cast<long long>(pid),
                  static_cast<long long>(before), static_cast<long long>(took.count()));
      return 0;
    }
    const auto& upgrade = now.at("upgrade").as_object();
    if (upgrade.at("state") == "failed")
      throw std::runtime_error("the old process goes on: " + std::string(upgrade.at("reason").as_string()));
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  }
  throw std::runtime_error("no other process has taken over in time; see the server's output");
}

}  // namespace

int control(const std::string& admin_url, const std::string& token, const std::string& what,
            const std::string& argument) {
  if (what == "migrate" && argument.starts_with(' ')) throw std::runtime_error("say where: --to MEMBER");
  const bool takes = what == "policy" || what == "migrate" || argument == "migrate";
  if (takes == argument.empty()) {
    throw std::runtime_error(what == "policy" ? "say which policy: off, observe, paper or session-budget"
                                              : what + " takes no argument");
  }
  if (what == "upgrade") return upgrade(admin_url, token);
  const bool posts = what == "drain" || what == "policy" || what == "migrate";
  const auto response =
      ask(admin_url, request_for(posts ? http::verb::post : http::verb::get, "/" + what, argument, token));
  const bool fine = response.result_int() < 300;
  std::fputs(response.body().c_str(), fine ? stdout : stderr);
  return fine ? 0 : 1;
}

int version(const Application& application, bool json) {
  if (json) {
    std::printf(
        "{\"name\":\"%s\",\"version\":\"%s\",\"compiler\":\"%s\",\"boost\":\"%s\",\"openssl\":\"%s\"}\n",
        application.name.c_str(), server::kVersion, __VERSION__, BOOST_LIB_VERSION,
        OpenSSL_version(OPENSSL_VERSION_STRING));
  } else {
    std::printf("%s %s\n", application.name.c_str(), server::kVersion);
  }
  return 0;
}

}  // namespace sluice::node
