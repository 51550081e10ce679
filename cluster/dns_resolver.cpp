#include "cluster/dns_resolver.hpp"

#include <netdb.h>
#include <sys/time.h>

#include <algorithm>
#include <optional>
#include <utility>

#include <ares_nameser.h>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/redirect_error.hpp>

#include "base/handle.hpp"

namespace sluice::cluster {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr int kTryMs = 1000, kTries = 2;  // each server

std::string address_text(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    const auto* const v4 = reinterpret_cast<const sockaddr_in*>(address);
    return asio::ip::address_v4(ntohl(v4->sin_addr.s_addr)).to_string();
  }
  if (address->sa_family != AF_INET6) return "";
  asio::ip::address_v6::bytes_type bytes;
  std::copy_n(reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr.s6_addr, bytes.size(), bytes.begin());
  return asio::ip::address_v6(bytes).to_string();
}

/// `nullopt`: it is an answer.
std::optional<Trouble> trouble(int status, const std::string& name) {
  if (status == ARES_SUCCESS || status == ARES_ENODATA || status == ARES_ENOTFOUND) return std::nullopt;
  return Trouble{status == ARES_EBADRESP ? Looked::malformed : Looked::failed,
                 name + ": " + ::ares_strerror(status)};
}

}  // namespace

/// A socket of c-ares', which opens and closes it.
struct DnsResolver::Watch {
  Watch(const Executor& executor, ares_socket_t fd) : socket(fd), descriptor(executor, fd) {}
  const ares_socket_t socket;
  asio::posix::basic_stream_descriptor<Executor> descriptor;
  bool reads = false, writes = false;     // wanted
  bool reading = false, writing = false;  // waited for
};

/// Belongs to whoever asks and to c-ares, which calls back once in any case.
struct DnsResolver::Question {
  explicit Question(const Executor& executor) : done(executor, Monotonic::time_point::max()) {}
  Timer done;
  bool answered = false;
  int status = ARES_SUCCESS;
  std::size_t max = 0;
  std::vector<HostPort> found{};

  /// c-ares' half, as it is handed over and comes back.
  static void* lend(std::shared_ptr<Question> question) {
    return std::make_unique<std::shared_ptr<Question>>(std::move(question)).release();
  }
  static std::shared_ptr<Question> returned(void* lent) {
    const std::unique_ptr<std::shared_ptr<Question>> half{static_cast<std::shared_ptr<Question>*>(lent)};
    return std::move(*half);
  }
  void answer(int result) {
    status = result;
    answered = true;
    done.cancel();
  }
};

DnsResolver::DnsResolver(Executor executor, const std::string& server)
    : executor_(executor), timer_(executor) {
  ares_options options{};
  options.timeout = kTryMs;
  options.tries = kTries;
  char lookups[] = "b";
  options.lookups = lookups;
  options.sock_state_cb = on_state;
  options.sock_state_cb_data = this;
  status_ = ::ares_init_options(
      &channel_, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB);
  if (status_ == ARES_SUCCESS && !server.empty())
    status_ = ::ares_set_servers_ports_csv(channel_, server.c_str());
}

DnsResolver::~DnsResolver() {
  if (channel_ != nullptr) ::ares_destroy(channel_);
}

void DnsResolver::cancel() {
  if (channel_ != nullptr) ::ares_cancel(channel_);
}

// Sockets. -----------------------------------------------------------------------------------------

void DnsResolver::on_state(void* self, ares_socket_t socket, int reads, int writes) {
  static_cast<DnsResolver*>(self)->watch(socket, reads != 0, writes != 0);
}

void DnsResolver::watch(ares_socket_t socket, bool reads, bool writes) {
  const auto found = watches_.find(socket);
  if (!reads && !writes) {  // c-ares closes it now
    if (found == watches_.end()) return;
    found->second->reads = found->second->writes = false;
    found->second->descriptor.release();
    watches_.erase(found);
    return;
  }
  auto& watch = watches_[socket];
  if (!watch) watch = std::make_shared<Watch>(executor_, socket);
  watch->reads = reads, watch->writes = writes;
  if (reads && !watch->reading) wait(watch, false);
  if (writes && !watch->writing) wait(watch, true);
}

/// `this` may be gone by the time, but then the watch knows that nothing is wanted.
void DnsResolver::wait(const std::shared_ptr<Watch>& watch, bool to_write) {
  using Descriptor = asio::posix::descriptor_base;
  (to_write ? watch->writing : watch->reading) = true;
  watch->descriptor.async_wait(to_write ? Descriptor::wait_write : Descriptor::wait_read,
                               [this, watch, to_write](const error_code& error) {
                                 (to_write ? watch->writing : watch->reading) = false;
                                 if (error || !(to_write ? watch->writes : watch->reads)) return;
                                 process(to_write ? ARES_SOCKET_BAD : watch->socket,
                                         to_write ? watch->socket : ARES_SOCKET_BAD);
                                 // process() may have ended the socket, but not us: answers only wake whoever
                                 // asked.
                                 const bool more = to_write ? watch->writes : watch->reads;
                                 if (more && !(to_write ? watch->writing : watch->reading))
                                   wait(watch, to_write);
                               });
}

void DnsResolver::process(ares_socket_t readable, ares_socket_t writable) {
  ::ares_process_fd(channel_, readable, writable);
  arm();
}

void DnsResolver::arm() {
  timeval limit{};
  if (::ares_timeout(channel_, nullptr, &limit) == nullptr) {
    timer_.cancel();
    return;
  }
  timer_.expires_after(std::chrono::seconds{limit.tv_sec} + std::chrono::microseconds{limit.tv_usec});
  timer_.async_wait([this, here = std::weak_ptr(here_)](const error_code& error) {
    if (!error && !here.expired()) process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  });
}

// Questions. ---------------------------------------------------------------------------------------

Task<void> DnsResolver::answered(std::shared_ptr<Question> question) {
  arm();
  error_code ignored;
  while (!question->answered) co_await question->done.async_wait(asio::redirect_error(use_task, ignored));
}

void DnsResolver::on_addresses(void* lent, int status, int, ares_addrinfo* found) {
  const auto question = Question::returned(lent);
  const Handle<ares_addrinfo, ::ares_freeaddrinfo> owner{found};
  const ares_addrinfo_node* node = found == nullptr ? nullptr : found->nodes;
  for (; node != nullptr && question->found.size() < question->max; node = node->ai_next) {
    if (std::string text = address_text(node->ai_addr); !text.empty())
      question->found.push_back({std::move(text), 0});
  }
  question->answer(status);
}

Task<Or<std::vector<std::string>>> DnsResolver::addresses(HostPort of, std::size_t max) {
  const auto question = std::make_shared<Question>(executor_);
  question->max = max;
  ares_addrinfo_hints hints{};
  hints.ai_flags = ARES_AI_NOSORT;  // which would open a socket for each
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  if (status_ == ARES_SUCCESS) {
    ::ares_getaddrinfo(channel_, of.host.c_str(), nullptr, &hints, on_addresses, Question::lend(question));
    co_await answered(question);
  } else {
    question->status = status_;
  }
  if (auto why = trouble(question->status, of.host)) co_return *std::move(why);
  std::vector<std::string> texts;
  for (const HostPort& one : question->found) texts.push_back(text_of({one.host, of.port}));
  co_return texts;
}

void DnsResolver::on_service(void* lent, int status, int, unsigned char* answer, int size) {
  const auto question = Question::returned(lent);
  ares_srv_reply* records = nullptr;
  if (status == ARES_SUCCESS) status = ::ares_parse_srv_reply(answer, size, &records);
  for (const auto* one = records; one != nullptr && question->found.size() < question->max; one = one->next) {
    // The root as target: there is no such service (RFC 2782).
    if (one->port != 0 && is_dns_name(one->host)) question->found.push_back({one->host, one->port});
  }
  if (records != nullptr) ::ares_free_data(records);
  question->answer(status);
}

Task<Or<std::vector<HostPort>>> DnsResolver::service(std::string name, std::size_t max) {
  const auto question = std::make_shared<Question>(executor_);
  question->max = max;
  if (status_ == ARES_SUCCESS) {
    ::ares_search(channel_, name.c_str(), ns_c_in, ns_t_srv, on_service, Question::lend(question));
    co_await answered(question);
  } else {
    question->status = status_;
  }
  if (auto why = trouble(question->status, name)) co_return *std::move(why);
  co_return std::move(question->found);
}

}  // namespace sluice::cluster
