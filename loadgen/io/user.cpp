#include "loadgen/io/user.hpp"

#include <algorithm>
#include <utility>

#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>

namespace sluice::loadgen {
namespace {

constexpr std::size_t kCookiesMax = 4096;
constexpr std::size_t kImagesMax = 100;
constexpr std::uint8_t kRedirectsMax = 5;
// A client that wants to resume waits this long for the ticket of a TLS 1.3 server that may not issue any.
constexpr std::chrono::milliseconds kTicketWait{100};

}  // namespace

void merge_cookies(std::string& jar, std::string_view fresh) {
  while (!fresh.empty()) {
    const std::size_t end = std::min(fresh.find("; "), fresh.size());
    const std::string_view pair = fresh.substr(0, end);
    fresh.remove_prefix(std::min(end + 2, fresh.size()));
    const std::string_view name = pair.substr(0, pair.find('=') + 1);
    if (name.size() < 2) continue;
    for (std::size_t begin = 0; begin < jar.size();) {
      const std::size_t stop = std::min(jar.find("; ", begin), jar.size());
      if (std::string_view(jar).substr(begin).starts_with(name)) {
        jar.erase(begin, stop + 2 - begin);
      } else {
        begin = stop + 2;
      }
    }
    while (jar.ends_with("; ")) jar.resize(jar.size() - 2);
    if (pair.size() == name.size() || jar.size() + pair.size() + 2 > kCookiesMax) continue;
    if (!jar.empty()) jar += "; ";
    jar += pair;
  }
}

User::User(Crowd& crowd, Random random, std::unique_ptr<Script> script, Lane* lane) noexcept
    : crowd_(crowd),
      random_(random),
      script_(std::move(script)),
      lane_(lane),
      source_(crowd.wire.sources.take()) {}

User::~User() { set_doing(Doing::gone); }

void User::set_doing(Doing doing) noexcept {
  if (doing_ == Doing::asking) --crowd_.in_flight;
  if (doing == Doing::asking) ++crowd_.in_flight;
  doing_ = doing;
}

void User::begin(Monotonic::time_point planned) {
  arrived_ = planned;
  ++tally().sessions.started;
  if (script_) action_ = script_->first(random_);
  if (lane_ != nullptr) return take_turn();
  start(planned);
}

// Waiting

void User::plan(Monotonic::time_point when, Doing what) {
  set_doing(what);
  crowd_.wire.loop.arm(*this, when);
}

void User::on_expired() {
  switch (doing_) {
    case Doing::waiting: return start(deadline());
    case Doing::retrying: return ask();
    case Doing::asking:
      if (!script_ && connection_->established()) return handshake_done();  // no ticket came
      tally().latency[at(Phase::complete)].record(
          std::max<Monotonic::duration>(Monotonic::now() - planned_, crowd_.timeout));
      if (connection_->step() == Step::handshake) connection_->book_failed_handshake();
      return give_up(connection_->step(), Cause::timeout);
    case Doing::idle:
    case Doing::gone: return;
  }
}

void User::wake() {
  if (doing_ == Doing::idle) take_turn();
}

void User::take_turn() {
  if (crowd_.ending) return end(Outcome::unfinished);
  if (lane_->due.empty()) {
    cancel();
    return set_doing(Doing::idle);
  }
  const auto planned = lane_->due.front();
  lane_->due.pop_front();
  start(planned);
}

void User::end_of_run() {
  if (doing_ != Doing::asking) end(Outcome::unfinished);
}

void User::cut() {
  if (doing_ == Doing::asking && connection_ && connection_->step() == Step::handshake)
    connection_->book_failed_handshake();
  if (doing_ == Doing::asking && connection_ && connection_->step() > Step::handshake)
    ++tally().requests.failed;
  end(Outcome::unfinished);
}

// Asking

void User::start(Monotonic::time_point planned) {
  planned_ = planned;
  tries_ = 1;
  redirects_ = 0;
  image_ = answered_ = false;
  images_.clear();
  asked_ = action_.target;
  // What waited in a lane waited for the server; that its arrival was on time was booked then.
  if (lane_ == nullptr) tally().lag.record(Monotonic::now() - planned);
  ask();
}

void User::ask() {
  resent_ = false;
  ++tally().sessions.attempts;
  if (tries_ > 1) ++tally().sessions.retries;
  // A retry has a timeout of its own; what the person feels still counts from the planned start.
  const auto from = tries_ > 1 || lane_ != nullptr ? Monotonic::now() : planned_;
  plan(from + crowd_.timeout, Doing::asking);
  send();
}

void User::send() {
  if (!connection_) {
    connection_ = std::make_unique<Connection>(crowd_.wire, *this);
    return connection_->open(crowd_.resumption.offer(session_.get(), crowd_.wire.loop.pass_time(), random_),
                             source_);
  }
  std::string request;
  request.reserve(asked_.size() + crowd_.wire.head.size() + cookies_.size() + 32);
  request.append("GET ").append(asked_).append(crowd_.wire.head);
  if (!cookies_.empty()) request.append("Cookie: ").append(cookies_).append("\r\n");
  request += "\r\n";
  connection_->send(request, !image_ && crowd_.looks_at_pages);
}

void User::on_established(bool resumed) {
  ++(resumed ? resumed_ : full_);
  if (script_) return send();
  tally().latency[at(Phase::complete)].record(Monotonic::now() - planned_);
  if (!crowd_.resumption.passes_on() || !connection_->tls13() || session_seen_) return handshake_done();
  crowd_.wire.loop.arm(*this, std::min(deadline(), Monotonic::now() + kTicketWait));
  connection_->read_pending();
}

void User::on_session(TlsSession session) {
  session_seen_ = true;
  crowd_.resumption.issued(std::move(session), session_, crowd_.wire.loop.pass_time());
  // We are inside OpenSSL, so the end of a handshake user waits for the loop.
  if (!script_ && connection_->established()) crowd_.wire.loop.arm(*this, crowd_.wire.loop.pass_time());
}

void User::on_first_byte() {
  if (!std::exchange(answered_, true))
    tally().latency[at(Phase::first_byte)].record(Monotonic::now() - planned_);
}

void User::on_response(HttpResponse& response) {
  book_reply(response);
  merge_cookies(cookies_, response.cookies());
  const unsigned status = response.status();
  if (status == 503 || status == 429) {
    Refusal refusal{Cause::http_503, tries_, response.retry_after(), response.refresh()};
    if (const auto markup = refresh_of(response.body()); markup && !refusal.refresh)
      refusal.refresh = std::chrono::seconds{*markup};
    after_response();
    return lost(Step::first_byte, refusal);
  }
  const bool redirected = status / 100 == 3 && follow(response);
  const bool good = image_ || status < 400;
  if (good && !image_ && !redirected) look_at(response.body());
  after_response();
  if (!redirected && images_.empty()) return page_done(good);
  if (!redirected) {
    asked_ = std::move(images_.back());
    images_.pop_back();
    image_ = true;
    ++tally().requests.images;
  }
  plan(Monotonic::now() + crowd_.timeout, Doing::asking);
  send();
}

void User::book_reply(const HttpResponse& response) {
  auto& requests = tally().requests;
  const unsigned status = response.status();
  ++requests.replies;
  requests.bytes_received += response.bytes();
  requests.body_bytes += response.body_bytes();
  if (status < 400) {
    ++requests.ok;
    ++good_;
  } else if (status == 503 || status == 429) {
    ++requests.busy;
  } else {
    ++(status < 500 ? requests.client_errors : requests.server_errors);
  }
}

void User::look_at(std::string_view page) {
  if (options().source.reads_pages()) {
    facts_ = read_page(page, random_);
    if (facts_.error) ++tally().requests.pages_error;
    if (facts_.sorry) ++tally().requests.pages_sorry;
  }
  if (!options().images || options().mode != Mode::sessions) return;
  images_ = images_of(page, kImagesMax, !options().source.reads_pages());
  std::ranges::reverse(images_);
}

bool User::follow(const HttpResponse& response) {
  if (image_ || redirects_ == kRedirectsMax || response.location().empty()) return false;
  const std::string here = "https://" + options().target.authority + asked_;  // `base` is a view of it
  const auto base = boost::urls::parse_uri(here);
  const auto reference = boost::urls::parse_uri_reference(response.location());
  boost::urls::url there;
  if (!base || !reference || !boost::urls::resolve(*base, *reference, there)) return false;
  if (there.scheme() != "https" ||
      std::string_view(there.encoded_host_and_port()) != options().target.authority)
    return false;
  asked_ = there.encoded_resource();
  if (asked_.empty() || asked_.front() != '/') asked_.insert(0, "/");
  ++redirects_;
  ++tally().requests.redirects;
  return true;
}

void User::after_response() {
  if (connection_->usable()) return;
  ++tally().connections.closed_idle;
  connection_.reset();
}

void User::page_done(bool good) {
  const auto now = Monotonic::now();
  tally().latency[at(Phase::complete)].record(now - planned_);
  auto& state = tally().states[action_.state];
  ++state.replies;
  state.complete.record(now - planned_);
  if (!good || facts_.error) ++state.errors;
  if (good && !std::exchange(admitted_, true)) ++tally().sessions.admitted;
  action_ = script_->next({good, facts_}, random_);
  if (action_.end && !admitted_) return end(Outcome::refused, Step::body, Cause::http_error);
  if (action_.end) return end(Outcome::completed);
  if (lane_ != nullptr) return take_turn();
  if (crowd_.ending) return end(Outcome::unfinished);
  if (action_.think == std::chrono::nanoseconds::zero()) return start(now);
  plan(now + action_.think, Doing::waiting);
}

void User::handshake_done() {
  ++tally().sessions.admitted;
  end(Outcome::completed);
}

// Failing

void User::on_failed(Step step, Cause cause) {
  const bool closed = cause == Cause::rst || cause == Cause::fin;
  if (step == Step::first_byte && closed && connection_->served() > 0 && !resent_) {
    // The server closed the idle connection while our request was on its way: as browsers do, once again on a
    // new one.
    resent_ = true;
    ++tally().requests.resent;
    ++tally().connections.closed_idle;
    connection_.reset();
    return send();
  }
  give_up(step, cause);
}

void User::on_idle_close() {
  ++tally().connections.closed_idle;
  connection_.reset();
  if (!script_ && doing_ == Doing::asking) handshake_done();  // it waited for a ticket only
}

void User::give_up(Step step, Cause cause) {
  if (step >= Step::first_byte) ++tally().requests.failed;
  if (step == Step::connect) crowd_.wire.note_unreachable(cause);
  connection_.reset();
  lost(step, {cause, tries_, std::nullopt, std::nullopt});
}

void User::lost(Step step, const Refusal& refusal) {
  const auto delay = crowd_.ending ? std::nullopt : next_try(options().retry, refusal, random_);
  if (delay) {
    ++tries_;
    asked_ = action_.target;
    redirects_ = 0;
    image_ = false;
    images_.clear();
    return plan(Monotonic::now() + *delay, Doing::retrying);
  }
  if (script_) ++tally().states[action_.state].errors;
  end(admitted_ ? Outcome::abandoned : Outcome::refused, step, refusal.cause);
}

// Leaving

void User::end(Outcome outcome, Step step, Cause cause) {
  set_doing(Doing::gone);
  cancel();
  if (connection_ && connection_->established()) {
    connection_->close();
    ++tally().connections.closed_by_us;
  }
  connection_.reset();
  auto& sessions = tally().sessions;
  const auto lasted = Monotonic::now() - arrived_;
  switch (outcome) {
    case Outcome::completed:
      ++sessions.completed;
      sessions.duration.record(lasted);
      tally().requests.goodput += good_;
      break;
    case Outcome::refused:
      ++sessions.refused[at(cause)];
      sessions.time_to_refusal[at(cause)].record(lasted);
      break;
    case Outcome::abandoned: ++sessions.abandoned[at(step)][at(cause)]; break;
    case Outcome::unfinished: ++sessions.unfinished; break;
  }
  const bool failed = outcome == Outcome::refused || outcome == Outcome::abandoned;
  if (failed) {
    tally().requests.wasted += good_;
    tally().connections.wasted_full += full_;
    tally().connections.wasted_resumed += resumed_;
  }
  crowd_.leave(*this, failed);
}

}  // namespace sluice::loadgen
