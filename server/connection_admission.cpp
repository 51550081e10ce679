#include <poll.h>
#include <sys/socket.h>

#include <algorithm>

#include "server/connection.hpp"
#include "server/processor.hpp"

/// Who comes in: what a connection asks at the door, what its handshake may do, and what becomes of those who
/// are refused.
namespace sluice::server {

using admission::Verdict;

namespace {

/// For the request of somebody who is only to be told why not.
constexpr std::chrono::milliseconds kExplainPatience{2'000};
/// However late the answer was.
constexpr double kWeightMax = 10;

double seconds(Monotonic::duration time) noexcept { return std::chrono::duration<double>(time).count(); }

}  // namespace

// --- at the door
// -----------------------------------------------------------------------------------------------------

Task<Connection::Next> Connection::ask_in() {
  auto& counters = processor_.counters();
  const auto now = Monotonic::now();
  if (screened_ && screened_->proof.forged) processor_.door().unfinished(origin_, now);
  if (screened_ && screened_->proof.elsewhere != 0) co_await fetch_session();
  if (screened_ && screened_->proof.record) {
    counters.demand.resuming.add();
    if (processor_.door().replayed(screened_->hello.random, now)) {
      counters.count(Outcome::resumed_replay);
      refused_by_ = processor_.door().refuse_by(Refusal::alert, now);
      send_refusal_alert(fd(), processor_.scratch());
      co_return Next::drop;
    }
    if (resume_session(now)) {
      counters.count(Outcome::resumed_session);
      co_return Next::proceed;
    }
  }
  co_return co_await ask_as_newcomer();
}

/// The session a client with a session ID names is at another member: from now on it shall be here.
Task<void> Connection::fetch_session() {
  Peers* const peers = processor_.peers();
  if (peers == nullptr) co_return;
  enter(ConnectionState::parked);
  tls::SessionIdBytes id{};
  std::ranges::copy(screened_->hello.session_id(), id.begin());
  co_await fetch(*peers, socket_.executor(), id, screened_->proof.elsewhere);
  at_work();
  screened_->proof.record = processor_.tls().sessions().record_of(id, wall_now());
}

bool Connection::resume_session(Monotonic::time_point now) {
  Demotion why{};
  session_ = processor_.door().resume(*screened_->proof.record, now, why);
  if (session_) {
    grant_ = Grant::in_session;
    return true;
  }
  processor_.counters().demotions[static_cast<std::size_t>(why)].add();
  // Whoever is let in all the same may as well save the handshake, unless the ticket is used by many.
  ticket_counts_ = why != Demotion::excessive;
  return false;
}

Task<Connection::Next> Connection::ask_as_newcomer() {
  auto& counters = processor_.counters();
  // No demand for the controller to count: nobody there wants to be served.
  if (processor_.door().suspect(origin_, Monotonic::now())) co_return co_await refuse(Outcome::new_suspect);
  if (co_await delegated(false)) co_return Next::drop;
  counters.demand.offered.add();
  Outcome admitted = Outcome::new_open;
  turn_ = std::make_unique<Turn>(socket_.executor());
  Verdict verdict = processor_.door().ask(*turn_, origin_, Monotonic::now());
  if (verdict != Verdict::admit && may_be_delegated()) {
    turn_.reset();  // out of the line
    if (co_await delegated(true)) co_return Next::drop;
    turn_ = std::make_unique<Turn>(socket_.executor());
    verdict = processor_.door().ask(*turn_, origin_, Monotonic::now());
  }
  if (verdict == Verdict::park) {
    verdict = co_await wait_at_gate();
    admitted = Outcome::new_waited;
  } else if (verdict == Verdict::admit && processor_.door().busy()) {
    processor_.door().line_up_for_handshake(*turn_);
    verdict = co_await wait_at_gate();
    if (verdict != Verdict::admit) processor_.door().give_back();  // it waited too long
  }
  turn_.reset();
  if (aborted_) co_return Next::drop;
  const bool waited = admitted == Outcome::new_waited;
  if ((verdict == Verdict::admit || waited) && gone()) {  // nor is a page sent to nobody
    if (verdict == Verdict::admit) processor_.door().give_back();
    counters.count(Outcome::new_gone);
    co_return Next::drop;
  }
  if (verdict != Verdict::admit)
    co_return co_await refuse(waited ? Outcome::new_deadline : Outcome::new_no_room);
  if (!begin_session()) {
    processor_.door().give_back();
    co_return co_await refuse(Outcome::new_no_room);
  }
  counters.count(admitted);
  co_return Next::proceed;
}

Task<Verdict> Connection::wait_at_gate() {
  enter(ConnectionState::parked);
  if (turn_->waiting()) processor_.counters().count(Outcome::new_parked);
  arm(processor_.config().limits.handshake_timeout);  // the gate's own limit is far shorter
  const bool given = co_await turn_->wait();
  at_work();
  co_return given ? Verdict::admit : Verdict::refuse;
}

/// The client has closed its side: whatever we did would be for nobody.
bool Connection::gone() noexcept {
  pollfd poll{.fd = fd(), .events = POLLRDHUP, .revents = 0};
  return ::poll(&poll, 1, 0) > 0 && (poll.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

bool Connection::begin_session() {
  session_ = processor_.door().begin_session(Monotonic::now());
  if (!session_) return false;
  grant_ = Grant::newcomer;
  processor_.counters().demand.admitted.add();
  return true;
}

// --- the handshake's questions
// ---------------------------------------------------------------------------------------

/// The first stage believed the hello; here is what it was worth.
tls::HandshakeGuard::Answer Connection::may_sign() noexcept {
  began_full_ = true;
  if (grant_ == Grant::newcomer || grant_ == Grant::explain) return Answer::go_on;
  auto& counters = processor_.counters();
  counters.demotions[static_cast<std::size_t>(Demotion::declined)].add();
  counters.demand.offered.add();
  session_.reset();
  grant_ = Grant::none;
  if (processor_.door().ask_at_once(Monotonic::now()) != Verdict::admit || !begin_session()) {
    counters.count(Outcome::new_no_room);
    counters.demand.refused.add();
    refused_by_ = processor_.door().refuse_by(Refusal::alert, Monotonic::now());
    return Answer::refuse;
  }
  counters.count(Outcome::new_open);
  return Answer::go_on;
}

bool Connection::may_resume(const admission::SessionRecord& record) noexcept {
  if (grant_ == Grant::in_session) return session_->record() == record;
  // Before TLS 1.3 who resumes gets no new ticket, and the old one is of a session that has ended.
  return grant_ == Grant::newcomer && ticket_counts_ && screened_ && screened_->hello.offers_tls13 &&
         screened_->proof.record == record;
}

std::optional<admission::SessionRecord> Connection::record() const noexcept {
  if (!session_ || session_->shed()) return std::nullopt;
  return session_->record();
}

void Connection::end_handshake(Ending ending) noexcept {
  auto& counters = processor_.counters();
  const bool finished = ending == Ending::finished;
  const bool full = finished ? !peer_.resumed : grant_ != Grant::in_session;
  const Work work = grant_ == Grant::explain || grant_ == Grant::none ? Work::refusal
                    : full                                            ? Work::full
                                                                      : Work::resumed;
  book(work);
  if (work == Work::full) counters.demand.full.add();
  if (work == Work::resumed) counters.demand.resumed.add();
  screened_.reset();
  const auto now = Monotonic::now();
  if (finished) return processor_.door().finished(origin_, now);
  counters.handshakes_failed.add();
  if (grant_ == Grant::none || aborted_) return;  // we ended it
  processor_.door().unfinished(origin_, now);
  auto& sessions = processor_.admission().sessions();
  if (grant_ == Grant::newcomer) sessions.cancel(*session_);
  // A ticket without its secret: its owner is not to pay for who showed it. One who has the secret is charged
  // for what he does not finish.
  if (grant_ == Grant::in_session && ending == Ending::forged) sessions.give_back_resumption(*session_);
  session_.reset();
}

// --- refusing
// --------------------------------------------------------------------------------------------------------

Task<Connection::Next> Connection::refuse(Outcome why) {
  auto& counters = processor_.counters();
  counters.count(why);
  if (why != Outcome::new_suspect) counters.demand.refused.add();
  Door& door = processor_.door();
  const auto now = Monotonic::now();
  const Refusal how =
      why == Outcome::new_suspect ? door.refuse_by(Refusal::reset, now) : door.refuse(origin_, now);
  refused_by_ = how;
  if (how == Refusal::explain) {
    grant_ = Grant::explain;
    co_return Next::proceed;
  }
  if (how == Refusal::alert) send_refusal_alert(fd(), processor_.scratch());
  co_return Next::drop;  // closed with the hello unread, it sends RST
}

/// Over a finished handshake: a page that says when to come back, and a place in line. Whoever comes back in
/// time is let in, as soon as there is room, with the request he has just made.
Task<Connection::Next> Connection::explain() {
  const Next next = co_await read_request(kExplainPatience);
  if (next != Next::proceed) co_return next;
  const auto held = processor_.places().check(parser_->request().cookie(kPlaceCookie), wall_now());
  if (held && come_back(*held)) co_return Next::proceed;
  const auto wait = processor_.door().retry_after();
  const bool spent = held && processor_.places().used(*held);
  const Place place = processor_.places().issue(spent ? std::nullopt : held, wall_now(), wait);
  http::Response response = busy_page(Busy::full, wait, may_repeat());
  response.set("Set-Cookie", std::string(kPlaceCookie) + "=" + processor_.places().sign(place) +
                                 "; Path=/; Max-Age=600; Secure; HttpOnly; SameSite=Lax");
  processor_.door().expect(origin_, Monotonic::now(), wait, PlaceBook::kLifetime);
  enter(ConnectionState::active);
  number_request();
  co_return co_await respond(std::move(response), false) ? Next::close : Next::drop;
}

bool Connection::come_back(const Place& place) {
  if (wall_now() < place.not_before) return false;
  if (processor_.door().ask_returning(Monotonic::now()) != Verdict::admit) return false;
  if (!processor_.places().use(place)) {
    processor_.door().give_back();
    return false;
  }
  if (!begin_session()) {
    processor_.door().give_back();
    return false;
  }
  processor_.counters().count(Outcome::new_returning);
  tls_->issue_session();
  return true;
}

// --- sessions at work
// ------------------------------------------------------------------------------------------------

/// False when the session had to go.
bool Connection::begin_request(Monotonic::time_point now) noexcept {
  pause_ = Monotonic::duration{-1};
  if (!session_) return true;
  if (session_->shed()) return false;
  processor_.admission().sessions().seen(*session_, now);
  const auto last = session_->last_answer();
  if (last != Monotonic::time_point{}) pause_ = std::max(now - last, Monotonic::duration::zero());
  return true;
}

/// While something else than the CPU is slow, only so many requests are worked on; whoever is about to buy or
/// bid need not wait.
Task<bool> Connection::wait_for_work() {
  const bool protects = session_ && session_->is_protected(request_start_);
  if (protects) co_return true;
  turn_ = std::make_unique<Turn>(socket_.executor());
  if (!processor_.door().line_up_for_work(*turn_)) {
    turn_.reset();
    co_return false;
  }
  arm(processor_.config().admission.work_wait);
  const bool given = co_await turn_->wait();
  at_work();
  cancel();
  turn_.reset();
  processor_.door().leave_work_line();
  co_return given;
}

void Connection::account_request(Monotonic::duration took, std::uint64_t cpu_ns) noexcept {
  auto& demand = processor_.counters().demand;
  if (grant_ == Grant::explain) return;
  demand.requests.add();
  if (!session_) return;
  session_->answered(Monotonic::now());
  if (pause_ < Monotonic::duration::zero()) return;
  // Of the response only what is spent or waited for on the CPU: nobody answers faster because fewer are let
  // in while a database is slow.
  const double response = static_cast<double>(cpu_ns) / 1e9 + processor_.door().run_delay_s();
  const double pause = seconds(pause_) + std::max(0.0, seconds(took) - response);
  const double weight =
      std::min(session_->returned(pause, response, processor_.admission().response_target_s()), kWeightMax);
  demand.returns.add();
  demand.demand_milli.add(static_cast<std::uint64_t>(weight * 1e3 + 0.5));
  demand.pause_us.add(static_cast<std::uint64_t>(weight * pause * 1e6));
}

void Connection::account_end() noexcept {
  book(grant_ == Grant::newcomer || grant_ == Grant::in_session ? Work::request : Work::refusal);
  if (refused_by_ && !session_) processor_.door().refused(*refused_by_, cpu_ns_);
  auto& demand = processor_.counters().demand;
  if (session_ && left_) {
    if (state_ == ConnectionState::active) processor_.counters().sessions_abandoned.add();
    processor_.admission().sessions().leave(*session_, Monotonic::now());
  }
  // A connection that never got an answer is none of those whose typical cost the paper asks for.
  if (!session_ || requests_ == 0) return;
  (began_full_ ? demand.connections_new : demand.connections_resumed).add();
  (began_full_ ? demand.cpu_connections_new_us : demand.cpu_connections_resumed_us).add(cpu_ns_ / 1000);
}

}  // namespace sluice::server
