#include "node/takeover.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "cluster/protocol.hpp"
#include "server/tls/session_state.hpp"

namespace sluice::node {

using cluster::Parcel;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kInheritPatience{5'000};
constexpr milliseconds kSendPatience{1'000};
constexpr milliseconds kLook{50};  // for those who wait for too long
constexpr std::size_t kListenersMax = 4096;

server::Endpoint bound_to(int fd) {
  server::Endpoint endpoint;
  auto size = static_cast<socklen_t>(endpoint.capacity());
  if (::getsockname(fd, endpoint.data(), &size) == 0 && size <= endpoint.capacity()) endpoint.resize(size);
  return endpoint;
}

}  // namespace

std::unique_ptr<Takeover> Takeover::of_environment() {
  const char* const text = std::getenv(kTakeoverVariable);
  if (text == nullptr) return nullptr;
  int fd = -1;
  const auto [end, error] = std::from_chars(text, text + std::strlen(text), fd);
  int type = 0;
  socklen_t size = sizeof type;
  if (error != std::errc{} || *end != 0 || ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
      type != SOCK_SEQPACKET)
    throw std::runtime_error(std::string(kTakeoverVariable) +
                             " is set, but not by a server that is being upgraded; unset it");
  ::unsetenv(kTakeoverVariable);
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  std::unique_ptr<Takeover> takeover(new Takeover(cluster::ParcelSocket(fd)));
  takeover->receive_inheritance();
  return takeover;
}

Takeover::~Takeover() { end(); }

void Takeover::end() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
  arrivals_->end_all(0);
}

void Takeover::receive_inheritance() {
  for (std::size_t count = 0; count < kListenersMax; ++count) {
    auto received = socket_.receive(kInheritPatience);
    if (!received || !*received)
      throw std::runtime_error("the server to be taken over does not say what it has");
    Parcel& parcel = **received;
    if (parcel.type == Parcel::Type::go) return;
    if (parcel.type == Parcel::Type::listener) add_listener(parcel);
    if (parcel.type == Parcel::Type::keys) add_keys(parcel);
  }
  throw std::runtime_error("the server to be taken over has too many listeners");
}

void Takeover::add_listener(Parcel& parcel) {
  const std::string text = parcel.text();
  const auto space = text.find(' ');
  if (parcel.fd < 0) return;
  server::Listener listener(parcel.fd, bound_to(parcel.fd));
  if (space == std::string::npos) return;
  inheritance_.add(text.substr(0, space), text.substr(space + 1), std::move(listener));
}

void Takeover::add_keys(const Parcel& parcel) {
  cluster::Inbox inbox;
  inbox.add(parcel.body);
  const auto message = inbox.next();
  if (!message || !*message) return;
  if (const auto* keys = std::get_if<cluster::Keys>(&**message)) keys_ = keys->keys;
}

void Takeover::say(Parcel::Type type, std::uint64_t id, std::string_view text) const {
  socket_.send(cluster::text_parcel(type, id, text), kSendPatience);
}

void Takeover::failed(std::string_view why) noexcept {
  try {
    say(Parcel::Type::failed, 0, why.substr(0, 1000));
  } catch (const std::bad_alloc&) {  // it will see that we are gone
  }
}

void Takeover::up(server::Server& server, std::function<void()> over) {
  server_ = &server;
  on_over_ = std::move(over);
  inheritance_ = {};  // what this configuration does not listen on any more
  say(Parcel::Type::up, static_cast<std::uint64_t>(::getpid()));
  thread_ = std::thread([this] { run(); });
}

void Takeover::run() {
  ::pthread_setname_np(::pthread_self(), "takeover");
  while (!stopping_ && !over_) {
    auto received = socket_.receive(kLook);
    if (!received && received.error() == cluster::ParcelError::ended) over_ = true;
    if (received && *received) on(**received);
    arrivals_->expire(Monotonic::now());
  }
  // What the other process had offered and not given is its own, or nobody's.
  arrivals_->end_all(0);
  if (over_) on_over_();
}

void Takeover::on(Parcel& parcel) {
  const auto now = Monotonic::now();
  switch (parcel.type) {
    case Parcel::Type::prepare:
      say(arrivals_->prepare({.id = parcel.id}, now) ? Parcel::Type::prepared : Parcel::Type::cancel,
          parcel.id);
      break;
    case Parcel::Type::state: return on_state(parcel);
    case Parcel::Type::commit: arrivals_->commit({.id = parcel.id}); break;
    case Parcel::Type::cancel: arrivals_->cancel({.id = parcel.id}); break;
    case Parcel::Type::session: {
      auto session = tls::decode_session_state(
          parcel.body, wall_now(),
          std::chrono::duration_cast<std::chrono::seconds>(server_->config().session_timeout));
      if (session) server_->tls().sessions().put(session->id, std::move(session->session), wall_now());
      break;
    }
    case Parcel::Type::done: over_ = true; break;
    default: break;
  }
  if (parcel.fd >= 0) ::close(parcel.fd);
}

void Takeover::on_state(Parcel& parcel) {
  const int fd = std::exchange(parcel.fd, -1);
  const std::uint64_t id = parcel.id;
  auto image = server::decode_connection_image(parcel.body);
  if (fd < 0 || !image) {
    if (fd >= 0) ::close(fd);
    arrivals_->cancel({.id = id});
    return say(Parcel::Type::cancel, id, "it can't be read");
  }
  // The process lives until its server has ended, and so does this.
  const auto made = [this, id, arrivals = arrivals_](std::string_view why_not) {
    if (!why_not.empty()) {
      arrivals->cancel({.id = id});
      say(Parcel::Type::cancel, id, why_not);
    } else if (arrivals->restored({.id = id}, Monotonic::now())) {
      say(Parcel::Type::ready, id);
    }
  };
  auto arrival = std::make_shared<server::Arrival>(*std::move(image), fd, server::Transport::fd, made);
  if (!arrivals_->state(
          {.id = id}, [arrival](bool ours) { arrival->settle(ours); }, Monotonic::now()))
    return say(Parcel::Type::cancel, id, "it was not prepared");
  server_->adopt(std::move(arrival));
}

}  // namespace sluice::node
