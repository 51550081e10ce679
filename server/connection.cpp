#include "server/connection.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <exception>

#include <boost/asio/post.hpp>

#include "server/http/response_head.hpp"
#include "server/processor.hpp"

namespace sluice::server {

namespace {

constexpr std::size_t kFileChunk = 64 * 1024;

/// For the first request of a connection that was accepted before draining began.
constexpr std::chrono::milliseconds kDrainPatience{1'000};

/// In which a purchase that was begun should be finished.
constexpr std::chrono::seconds kProtection{60};

/// Gives the memory back; assigning {} would keep it.
void release(std::string& buffer) { std::string().swap(buffer); }

Limit limit_of(std::string_view parser_limit) {
  if (parser_limit == "head_bytes") return Limit::header_bytes;
  if (parser_limit == "fields") return Limit::header_fields;
  if (parser_limit == "uri_bytes") return Limit::uri_bytes;
  if (parser_limit == "body_bytes") return Limit::body_bytes;
  return Limit::body_framing;
}

}  // namespace

Connection::Connection(Processor& processor, int fd, const Endpoint& peer)
    : processor_(processor),
      socket_(processor.poller(), fd),
      origin_(origin_of(peer)),
      since_(Monotonic::now()) {
  peer_.address = peer.address().to_string();
  processor_.counters().connections[static_cast<std::size_t>(state_)].add();
}

Connection::Connection(Processor& processor, int fd, const Endpoint& peer, ArrivalPtr arrival)
    : Connection(processor, fd, peer) {
  arrival_ = std::move(arrival);
  enter(ConnectionState::arriving);
}

Connection::~Connection() {
  if (shared_) socket_.unwatch();
  account_end();
  processor_.meter().forget(effort_);
  processor_.counters().connections[static_cast<std::size_t>(state_)].sub();
}

Task<void> Connection::run() {
  at_work();
  bool has_request = false;
  if (arrival_) {
    Next next = co_await arrive();
    if (next == Next::proceed) next = co_await serve(false);
    co_return co_await end(next);
  }
  Next next = co_await read_hello();
  if (next == Next::arrive) {
    next = Next::drop;
    if (co_await expected()) next = co_await arrive();
    if (next == Next::proceed) next = co_await serve(false);
    co_return co_await end(next);
  }
  if (next == Next::proceed) next = co_await ask_in();
  if (next == Next::proceed) next = co_await handshake();
  if (next == Next::proceed && grant_ == Grant::explain) {
    next = co_await explain();
    has_request = next == Next::proceed;
  }
  if (next == Next::proceed) next = co_await serve(has_request);
  co_await end(next);
}

Task<void> Connection::end(Next next) {
  if (next == Next::close && !aborted_) co_await close();
  if (leg_) co_await pass_on(leg_);
  if (shared_) socket_.unwatch();
  if (shared_ && !gone_) ::shutdown(fd(), SHUT_RDWR);  // whoever has it still
  socket_.close();                                     // here, so that its price is booked on the connection
}

void Connection::at_work() noexcept { processor_.meter().start(effort_); }

std::uint64_t Connection::book(Work work) noexcept {
  const std::uint64_t ns = processor_.meter().book(effort_, work);
  cpu_ns_ += ns;
  return ns;
}

void Connection::drain() noexcept {
  if (state_ != ConnectionState::idle) return;  // it looks for itself when it is done
  interrupted_ = true;
  socket_.cancel();
}

void Connection::abort() noexcept {
  aborted_ = true;
  end_finding();
  if (arrival_) arrival_->settle(false);
  if (turn_) turn_->end(false);
  end_relay();
  socket_.cancel();
}

void Connection::on_expired() noexcept {
  expired_ = true;
  end_finding();
  if (arrival_) arrival_->settle(false);
  if (turn_) turn_->end(false);
  end_relay();
  socket_.cancel();
}

void Connection::arm(std::chrono::milliseconds after) noexcept {
  expired_ = false;
  processor_.wheel().arm(*this, coarse_now() + after);
}

void Connection::enter(ConnectionState state) noexcept {
  auto& gauges = processor_.counters().connections;
  gauges[static_cast<std::size_t>(state_)].sub();
  gauges[static_cast<std::size_t>(state)].add();
  state_ = state;
}

Task<bool> Connection::ready(tls::Need need, Socket::Told told) {
  return socket_.wait(need == tls::Need::writable ? Socket::Until::writable : Socket::Until::readable, told);
}

// --- requests
// --------------------------------------------------------------------------------------------------------

Task<Connection::Next> Connection::serve(bool has_request) {
  while (true) {
    if (!has_request && !in_.empty() && may_depart()) {
      if (co_await departed({})) co_return Next::drop;
    }
    if (!std::exchange(has_request, false)) {
      const auto keepalive = processor_.config().keepalive_timeout;
      const Next next =
          co_await read_request(processor_.draining() ? std::min(keepalive, kDrainPatience) : keepalive);
      if (next != Next::proceed) co_return next;
    }
    if (!co_await respond(co_await answer(), false)) co_return Next::drop;
    const auto most = processor_.config().limits.requests_per_connection;
    if (requests_ == most) processor_.counters().hit(Limit::requests_per_connection);
    if (aborted_) co_return Next::drop;
    if (state_ != ConnectionState::idle) co_return Next::close;
    // Requests that are here already would be served without a pause, as long as the client likes.
    if (!in_.empty() || tls_->pending()) co_await yield();
  }
}

/// Proceeds with a whole request in the parser.
Task<Connection::Next> Connection::read_request(std::chrono::milliseconds patience) {
  using State = http::RequestParser::State;
  enter(ConnectionState::idle);
  arm(patience);
  auto& scratch = processor_.scratch();
  // A reading system call would most likely find nothing.
  bool wait_first = in_.empty() && !tls_->pending() && !tls_->unsent() && tls_->drained();
  arrived_at_ = Monotonic::time_point::max();  // later than now, as far as we know
  std::string_view fresh = in_;
  while (true) {
    if (!fresh.empty()) {
      const State state = feed(fresh);
      if (state == State::done || state == State::refused) {
        in_ = std::string(fresh);  // a copy: `fresh` may be a part of it
        if (state == State::done) co_return Next::proceed;
        co_return co_await refuse_request();
      }
      if (state == State::head) {
        const bool ask = parser_->wants_continue() && fresh.empty();
        if (ask && !co_await write_all("HTTP/1.1 100 Continue\r\n\r\n")) co_return Next::drop;
        continue;
      }
      in_.clear();
    }
    tls::Step step{.need = tls::Need::readable};
    const auto told = wait_first ? Socket::Told::counts : Socket::Told::nothing_since;
    if (!std::exchange(wait_first, false)) step = tls_->read_some(scratch);
    if (step.error) {
      left_ = true;
      co_return step.error == tls::StreamError::closed ? Next::close : Next::drop;
    }
    fresh = {scratch.data(), step.bytes};
    if (step.need == tls::Need::nothing) continue;
    // Draining: what had arrived by now was read above and is answered; an idle connection ends.
    if (!request_begun() && interrupted_) co_return Next::close;
    if (!request_begun() && may_depart()) {
      if (co_await departed({})) co_return Next::drop;
      if (expired_) co_return co_await time_out();
      continue;  // something may have come meanwhile
    }
    const bool arrived = co_await ready(step.need, told);
    at_work();
    arrived_at_ = socket_.told_at();
    if (aborted_) co_return Next::drop;
    if (!arrived && (expired_ || !(interrupted_ || nudged_))) co_return co_await time_out();
  }
}

/// Feeds the parser, and starts the deadline of the part of the request that begins.
http::RequestParser::State Connection::feed(std::string_view& fresh) {
  using State = http::RequestParser::State;
  if (!parser_) parser_ = processor_.take_parser();
  const bool had_started = parser_->started();
  const auto [consumed, state] = parser_->feed(fresh);
  fresh.remove_prefix(consumed);
  if (!had_started && parser_->started()) {
    enter(ConnectionState::active);
    arm(processor_.config().limits.head_timeout);
  }
  if (state == State::head) arm(processor_.config().limits.body_timeout);
  return state;
}

Task<Connection::Next> Connection::time_out() {
  if (!request_begun()) co_return Next::close;  // idle for too long: the ordinary end of a connection
  processor_.counters().hit(parser_->reading_body() ? Limit::body_timeout : Limit::header_timeout);
  co_return co_await end_with(http::plain(408, "The request did not arrive in time."));
}

Task<Connection::Next> Connection::refuse_request() {
  const http::Refusal& refusal = parser_->refusal();
  if (!refusal.limit.empty()) processor_.counters().hit(limit_of(refusal.limit));
  enter(ConnectionState::active);
  co_return co_await end_with(http::plain(refusal.status, refusal.sentence));
}

/// The last word to a client whose request was not served.
Task<Connection::Next> Connection::end_with(http::Response response) {
  linger_ = true;
  co_await respond(std::move(response), true);
  co_return aborted_ ? Next::drop : Next::close;
}

bool Connection::may_repeat() noexcept {
  const http::Verb method = parser_->request().method;
  return method == http::Verb::get || method == http::Verb::head;
}

void Connection::number_request() noexcept {
  request_start_ = Monotonic::now();
  processor_.next_request_id(request_id_);
  ++requests_;
}

Task<http::Response> Connection::answer() {
  http::Request& request = parser_->request();
  enter(ConnectionState::active);
  cancel();  // no deadline while the application works: it answers, or says that it is busy
  number_request();
  request.id = {request_id_.data(), request_id_.size()};
  request.peer = &peer_;
  if (request.path == "*") {  // OPTIONS *: about the server, not about a resource (RFC 9110 section 9.3.7)
    http::Response response{.content_type = ""};
    response.set("Allow", "GET, HEAD, POST, OPTIONS");
    co_return response;
  }
  if (!begin_request(request_start_)) co_return busy_page(Busy::shed, processor_.door().retry_after(), true);
  auto begun = request_start_;
  if (!processor_.door().room_for_work()) {
    if (!co_await wait_for_work())
      co_return busy_page(Busy::waiting, processor_.door().retry_after(), may_repeat());
    begun = Monotonic::now();  // waiting for one's turn says nothing about the backend
  }
  processor_.door().work_begins();
  http::Response response;
  try {
    std::optional<http::Response> file;
    if (!processor_.app().knows(request)) file = static_file();
    if (file) {
      response = std::move(*file);
    } else {
      response = co_await processor_.app().handle(request);
    }
  } catch (const std::exception& error) {
    processor_.report(error.what());
    response = http::plain(500, "The server failed to answer this request.");
  }
  at_work();
  processor_.door().work_ends(Monotonic::now() - begun);
  if (response.status == 404) {
    if (auto file = static_file()) response = std::move(*file);
  }
  co_return response;
}

/// What the request asks for, if it is a file below `server.static_root`.
std::optional<http::Response> Connection::static_file() {
  if (processor_.files() == nullptr) return std::nullopt;
  return processor_.files()->serve(parser_->request(), wall_now(), arrived_at_);
}

/// Sends the response. True when it went out whole; the connection is then idle if it may serve another
/// request.
Task<bool> Connection::respond(http::Response response, bool refused) {
  const auto& config = processor_.config();
  if (refused) number_request();
  const http::Request& request = parser_->request();
  // Draining still answers what has been received.
  const bool last = (processor_.draining() && in_.empty() && !tls_->pending()) || tls_->wants_end() ||
                    requests_ >= config.limits.requests_per_connection;
  const bool keep_alive = !refused && !last && !response.close && parser_->keep_alive();
  const bool bodiless =
      (!refused && request.method == http::Verb::head) || response.status == 204 || response.status == 304;
  std::string out = processor_.take_buffer();
  http::append_head(
      out, response,
      {.date = processor_.date().at(wall_now()),
       .request_id = {request_id_.data(), request_id_.size()},
       .keep_alive = keep_alive,
       .keepalive_timeout = std::chrono::duration_cast<std::chrono::seconds>(config.keepalive_timeout),
       .hsts_max_age = std::chrono::duration_cast<std::chrono::seconds>(config.hsts_max_age)});
  const std::uint64_t size = response.body_size();
  const std::uint64_t seconds = (bodiless ? 0 : size) / config.limits.write_rate;
  arm(config.limits.write_timeout + std::chrono::seconds{seconds});
  const auto* file = std::get_if<http::FileBody>(&response.body);
  if (!bodiless) out += response.body_text();
  const std::uint64_t file_size = file != nullptr && !bodiless ? size : 0;
  const bool in_one = file_size <= kFileChunk;  // head and file in one write
  Sending sending{.keep_alive = keep_alive};
  if (file_size > 0 && !in_one) {
    sending.file = file;
    sending.path = request.path;
    sending.etag = response.field("ETag");
  }
  sending_ = &sending;
  bool sent = (file_size == 0 || !in_one || file->read(0, file_size, out)) && co_await write_all(out);
  if (sent && !in_one) sent = co_await write_file(*file, out);
  sending_ = nullptr;
  if (!sent && expired_) processor_.counters().hit(Limit::write_timeout);
  record(response, (sent || gone_) && !bodiless ? size : 0);
  if (!refused) linger_ = linger_ || (!keep_alive && !in_.empty());
  processor_.put_back(std::move(parser_));
  processor_.put_back(std::move(out));
  if (in_.empty()) release(in_);
  if (sent && keep_alive) enter(ConnectionState::idle);
  co_return sent;
}

/// Lets every other connection of the processor have its turn.
Task<void> Connection::yield() {
  co_await boost::asio::post(socket_.executor(), use_task);
  at_work();
}

Task<bool> Connection::write_all(std::string_view bytes) {
  while (true) {
    if (aborted_) co_return false;
    const tls::Step step = tls_->write_some(bytes);
    if (step.error) {
      left_ = true;
      co_return false;
    }
    bytes.remove_prefix(step.bytes);
    if (step.need == tls::Need::nothing && bytes.empty()) co_return true;
    if (step.need == tls::Need::nothing) continue;
    if (sending_ != nullptr && may_depart()) {
      if (co_await departed(bytes)) co_return false;
      if (aborted_ || expired_) co_return false;
      continue;
    }
    const bool writable = co_await ready(step.need);
    at_work();
    if (!writable && !(nudged_ && !aborted_ && !expired_)) co_return false;
  }
}

Task<bool> Connection::write_file(const http::FileBody& file, std::string& buffer) {
  for (std::uint64_t at = 0; at < file.size();) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(kFileChunk, file.size() - at));
    buffer.clear();
    if (may_depart()) {
      if (co_await departed({})) co_return false;
    }
    if (aborted_) co_return false;
    sending_->at = at + count;
    if (!file.read(at, count, buffer) || !co_await write_all(buffer)) co_return false;
    at += count;
    co_await yield();  // a fast reader would never make us wait
  }
  co_return true;
}

void Connection::record(const http::Response& response, std::uint64_t body_bytes) {
  auto& counters = processor_.counters();
  const auto duration = Monotonic::now() - request_start_;
  const std::size_t index = std::min<std::size_t>(response.interaction, counters.interaction.size() - 1);
  counters.count_request(index, response.status, std::chrono::duration<double>(duration).count());
  counters.bytes_sent.add(body_bytes);
  const std::uint64_t cpu_ns = book(grant_ == Grant::explain ? Work::refusal : Work::request);
  counters.interaction[index].cpu_ns.add(cpu_ns);
  account_request(duration, cpu_ns);
  if (response.protect && session_) session_->protect_until(request_start_ + kProtection);
  const http::Request& request = parser_->request();
  processor_.log({.time = std::chrono::system_clock::now(),
                  .id = {request_id_.data(), request_id_.size()},
                  .client = peer_.address,
                  .method = request.target.empty() ? "-" : boost::beast::http::to_string(request.method),
                  .target = request.target.empty() ? "-" : request.target,
                  .interaction = processor_.application().interactions()[index],
                  .tls_version = peer_.tls_version,
                  .resumed = peer_.resumed,
                  .status = response.status,
                  .body_bytes = body_bytes,
                  .duration = std::chrono::duration_cast<std::chrono::microseconds>(duration),
                  .request_number = requests_,
                  .processor = processor_.index()});
}

// --- close
// -----------------------------------------------------------------------------------------------------------

Task<void> Connection::close() {
  enter(ConnectionState::closing);
  arm(processor_.config().limits.close_timeout);
  // A member that relays passes the end of what the client says on, not of what he hears.
  for (auto step = tls_->shutdown(relayed_); step.need == tls::Need::writable && !step.error;
       step = tls_->shutdown(relayed_)) {
    const bool writable = co_await ready(step.need);
    at_work();
    if (!writable) co_return;
  }
  if (linger_) co_await linger();
}

/// Closing a socket with unread input makes the kernel send RST, which can destroy an answer that is still on
/// its way (RFC 9112 section 9.6). So what still comes is read and dropped, until the peer closes or the
/// deadline passes.
Task<void> Connection::linger() {
  socket_.end_sending();
  while (!expired_ && !aborted_) {
    const ssize_t n = ::recv(fd(), processor_.scratch().data(), processor_.scratch().size(), 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) co_return;
    if (n < 0 && !co_await ready(tls::Need::readable)) break;
  }
  if (expired_) processor_.counters().hit(Limit::close_timeout);
}

}  // namespace sluice::server
