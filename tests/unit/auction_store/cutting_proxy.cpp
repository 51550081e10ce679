#include "tests/unit/auction_store/cutting_proxy.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace sluice::auction::testing {

namespace {

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  return address;
}

bool send_all(int to, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

/// A Bind message of the prepared statement "commit": of no portal's name, then its own.
bool has_commit(std::string_view bytes) {
  return bytes.find(std::string_view{"\0commit\0", 8}) != bytes.npos;
}

}  // namespace

CuttingProxy::CuttingProxy(const std::filesystem::path& server, const std::filesystem::path& folder)
    : server_((server / ".s.PGSQL.5432").string()), wake_(::eventfd(0, EFD_CLOEXEC)) {
  const auto address = address_of((folder / ".s.PGSQL.5432").string());
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_, 64) != 0) {
    throw std::runtime_error("the proxy can't listen");
  }
  thread_ = std::thread([this] { run(); });
}

CuttingProxy::~CuttingProxy() {
  const std::uint64_t one = 1;
  if (::write(wake_, &one, sizeof one) != sizeof one) std::terminate();
  thread_.join();
  ::close(listener_);
  ::close(wake_);
}

void CuttingProxy::run() {
  struct Pair {
    int client, server;
  };
  std::vector<Pair> pairs;
  for (;;) {
    std::vector<pollfd> waiting{{wake_, POLLIN, 0}, {listener_, POLLIN, 0}};
    for (const Pair& pair : pairs) {
      waiting.push_back({pair.client, POLLIN, 0});
      waiting.push_back({pair.server, POLLIN, 0});
    }
    ::poll(waiting.data(), waiting.size(), -1);
    if (waiting[0].revents != 0) break;
    std::vector<Pair> left;
    for (std::size_t n = 0; n < pairs.size(); ++n) {
      const auto [client, server] = pairs[n];
      const bool on = (waiting[2 + 2 * n].revents == 0 || forward(client, server, true)) &&
                      (waiting[3 + 2 * n].revents == 0 || forward(server, client, false));
      if (on) {
        left.push_back(pairs[n]);
      } else {
        ::close(client);
        ::close(server);
      }
    }
    pairs = std::move(left);
    if (waiting[1].revents == 0) continue;
    const Pair pair{::accept(listener_, nullptr, nullptr), ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const auto address = address_of(server_);
    if (::connect(pair.server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      pairs.push_back(pair);
    } else {
      ::close(pair.client);
      ::close(pair.server);
    }
  }
  for (const Pair& pair : pairs) {
    ::close(pair.client);
    ::close(pair.server);
  }
}

/// False: this session has come to its end.
bool CuttingProxy::forward(int from, int to, bool to_server) {
  char buffer[65536];
  const ssize_t size = ::recv(from, buffer, sizeof buffer, 0);
  if (size <= 0) return false;
  const std::string_view bytes{buffer, static_cast<std::size_t>(size)};
  const Cut cut = to_server && has_commit(bytes) ? cut_.exchange(Cut::never) : Cut::never;
  if (cut == Cut::before_commit) return false;
  if (!send_all(to, bytes)) return false;
  if (cut == Cut::never) return true;
  // The answer shows that it was carried out.
  return ::recv(to, buffer, sizeof buffer, 0) < 0;
}

}  // namespace sluice::auction::testing
