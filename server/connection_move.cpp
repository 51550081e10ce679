#include <unistd.h>

#include <algorithm>

#include "server/connection.hpp"
#include "server/outcome.hpp"
#include "server/processor.hpp"

/// Connections that go to another owner, and those that come. The rules are in cluster/handover.hpp; what is
/// kept here is that nothing is sealed between image() and the other side's word, and that the keys are wiped
/// before it is told so.
namespace sluice::server {

namespace {

/// For the other side's last word. It has given up by then, too.
constexpr std::chrono::milliseconds kSettlePatience{2'000};
/// Before the next try.
constexpr std::chrono::milliseconds kStay{500};

std::uint64_t nanoseconds(Monotonic::time_point at) noexcept {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count());
}

std::optional<Endpoint> endpoint_of(const std::string& text) {
  try {
    return parse_endpoint(text);
  } catch (const std::runtime_error&) {
    return std::nullopt;
  }
}

}  // namespace

void Connection::count(Transport transport, Move move) noexcept {
  auto& moves = processor_.counters().moves[static_cast<std::size_t>(transport)];
  moves[static_cast<std::size_t>(move)].add();
}

// --- out
// -------------------------------------------------------------------------------------------------------------

bool Connection::nudge(Monotonic::time_point now, Monotonic::duration residence) noexcept {
  const bool waits = (state_ == ConnectionState::idle && !request_begun()) || sending_ != nullptr;
  if (!waits || departing_ || nudged_ || now < stays_until_ || now - since_ < residence) return false;
  if (!tls_ || linger_ || relayed_ || session_ == nullptr) return false;
  nudged_ = true;
  socket_.cancel();
  return true;
}

/// At a point where it could: whether it should.
bool Connection::may_depart() noexcept {
  const MoveOrder& order = processor_.order();
  const bool nudged = std::exchange(nudged_, false);
  if (order.carrier == nullptr || linger_ || relayed_ || aborted_ || session_ == nullptr) return false;
  if (nudged) return true;
  if ((!order.all && order.busy == 0) || !processor_.room_to_depart()) return false;
  const auto now = Monotonic::now();
  if (now < stays_until_ || now - since_ < order.residence) return false;
  return order.all || processor_.take_busy_order();
}

/// True when the connection is somebody else's, and over here. `unsealed`: what is left of the response being
/// sent.
Task<bool> Connection::departed(std::string_view unsealed) {
  const Flow flow{.client = peer_end(), .local = local_end()};
  const DeparturePtr departure = processor_.order().carrier->depart(flow);
  stays_until_ = Monotonic::now() + kStay;
  if (!departure) co_return false;
  const std::optional<Monotonic::time_point> deadline =
      armed() ? std::optional(processor_.wheel().deadline(*this)) : std::nullopt;
  cancel();
  departing_ = true;
  processor_.departure_begins();
  const bool gone = co_await give_away(*departure, unsealed);
  departing_ = false;
  processor_.departure_ends(gone);
  book(Work::relay);
  if (!gone && deadline) processor_.wheel().arm(*this, *deadline);
  co_return gone;
}

/// The way to the member to which the bytes will be passed on.
Task<std::shared_ptr<Connection::Relay>> Connection::reach_leg(const Departure& departure) {
  const auto leg = departure.leg();
  if (!leg) co_return nullptr;
  const std::optional<HandoverKey> key = leg->key;
  co_return co_await reach(leg->to, key);
}

Task<bool> Connection::give_away(Departure& departure, std::string_view unsealed) {
  const auto since = Monotonic::now();  // who asks now waits
  auto prepare = [&departure](Departure::Done done) { departure.prepare(std::move(done)); };
  const bool prepared = co_await outcome(socket_.executor(), prepare);
  at_work();
  if (!prepared || aborted_) co_return co_await stay(departure, "it was not wanted there", Move::kept);
  auto encoded = std::make_shared<tls::SecretBuffer>();
  {
    const auto frozen = image(unsealed, since);
    if (!frozen) co_return co_await stay(departure, "its TLS is in no state to go", Move::unable);
    if (!encode(*frozen, *encoded))
      co_return co_await stay(departure, "too much of it is under way", Move::unable);
  }
  std::shared_ptr<Relay> leg;
  if (departure.transport() == Transport::relay) {
    leg = co_await reach_leg(departure);
    if (!leg || aborted_) co_return co_await stay(departure, "there was no way for its bytes", Move::kept);
  }
  shared_ = shared_ || departure.transport() != Transport::relay;
  auto offer = [&departure, encoded, fd = fd()](Departure::Done done) {
    departure.offer(std::move(*encoded), fd, std::move(done));
  };
  const bool ready = co_await outcome(socket_.executor(), offer);
  at_work();
  if (!ready || aborted_) co_return co_await stay(departure, "it could not be taken up there", Move::kept);
  tls_.reset();  // wipes the keys
  in_.clear();
  gone_ = true;
  leg_ = std::move(leg);
  if (shared_) socket_.unwatch();
  auto give = [&departure](Departure::Done done) { departure.give(std::move(done)); };
  const bool given = co_await outcome(socket_.executor(), give);
  at_work();
  processor_.admission().sessions().leave(*session_, Monotonic::now());
  count(departure.transport(), given ? Move::out : Move::lost);
  // To another process it is longer: that one looks at the same clock.
  if (given && departure.transport() != Transport::fd)
    processor_.counters().blackout.observe(std::chrono::duration<double>(Monotonic::now() - since).count());
  co_return true;
}

Task<bool> Connection::stay(Departure& departure, std::string_view why, Move move) {
  auto keep = [&departure, why](Departure::Done done) { departure.keep(why, std::move(done)); };
  const bool usable = co_await outcome(socket_.executor(), keep);
  at_work();
  if (!usable) aborted_ = true;
  count(departure.transport(), move);
  co_return false;
}

std::optional<ConnectionImage> Connection::image(std::string_view unsealed,
                                                 Monotonic::time_point since) const {
  auto stream = tls_->state();
  if (!stream) return std::nullopt;
  ConnectionImage image{.moves = static_cast<std::uint16_t>(moves_ + 1),
                        .frozen_at_ns = nanoseconds(since),
                        .client = endpoint_text(peer_end()),
                        .local = endpoint_text(local_end()),
                        .tls = *std::move(stream),
                        .server_name = peer_.server_name,
                        .pending = in_,
                        .requests = requests_,
                        .record = record(),
                        .began_full = began_full_};
  if (sending_ != nullptr) image.rest = rest_of(unsealed);
  return image;
}

ResponseRest Connection::rest_of(std::string_view unsealed) const {
  ResponseRest rest{.bytes = std::string(unsealed), .keep_alive = sending_->keep_alive};
  if (sending_->file == nullptr || sending_->at == sending_->file->size()) return rest;
  rest.file = {.path = std::string(sending_->path),
               .etag = std::string(sending_->etag),
               .offset = sending_->file->offset() + sending_->at,
               .size = sending_->file->size() - sending_->at};
  return rest;
}

// --- in
// --------------------------------------------------------------------------------------------------------------

struct Connection::Finding {
  explicit Finding(const Executor& executor) : turn(executor) {}
  Turn turn;
  ArrivalPtr arrival{};
};

void Connection::end_finding() noexcept {
  if (finding_) finding_->turn.end(false);
}

/// By relay: waits for all that is known of it.
Task<bool> Connection::expected() {
  enter(ConnectionState::arriving);
  finding_ = std::make_shared<Finding>(socket_.executor());
  processor_.expected().await(
      *expected_, [finding = finding_, executor = socket_.executor()](ArrivalPtr arrival) {
        boost::asio::post(executor, [finding, arrival = std::move(arrival)]() mutable {
          finding->arrival = std::move(arrival);
          finding->turn.end(true);
        });
      });
  arm(kSettlePatience);
  co_await finding_->turn.wait();
  at_work();
  cancel();
  arrival_ = std::move(finding_->arrival);
  finding_.reset();
  if (!arrival_) processor_.expected().drop(*expected_);
  co_return arrival_ != nullptr && !aborted_;
}

/// Makes itself what the image says, is silent until it is settled, and goes on.
Task<Connection::Next> Connection::arrive() {
  const ArrivalPtr arrival = arrival_;
  shared_ = arrival->transport() != Transport::relay;
  std::optional<http::FileBody> file;
  if (const auto why_not = settle_in(file); !why_not.empty()) {
    count(arrival->transport(), Move::given_up);
    arrival->made(why_not);
    gone_ = true;
    co_return Next::drop;
  }
  auto settled = std::make_shared<Turn>(socket_.executor());
  arrival->await([settled, executor = socket_.executor()](bool ours) {
    boost::asio::post(executor, [settled, ours] { settled->end(ours); });
  });
  arrival->made({});
  book(Work::relay);
  arm(kSettlePatience);
  co_await settled->wait();
  at_work();
  cancel();
  arrival_.reset();
  if (!settled->given() || aborted_) {
    count(arrival->transport(), Move::given_up);
    tls_.reset();
    gone_ = true;
    co_return Next::drop;
  }
  count(arrival->transport(), Move::in);
  ConnectionImage& image = arrival->image();
  if (arrival->transport() == Transport::fd)
    processor_.counters().blackout.observe(
        static_cast<double>(nanoseconds(Monotonic::now()) - image.frozen_at_ns) / 1e9);
  if (!image.rest) co_return Next::proceed;
  const bool sent = co_await finish_response(*std::exchange(image.rest, std::nullopt), std::move(file));
  if (gone_ || !sent) co_return Next::drop;
  co_return state_ == ConnectionState::idle ? Next::proceed : Next::close;
}

/// Empty, or why the image can't be gone on with here.
std::string_view Connection::settle_in(std::optional<http::FileBody>& file) {
  ConnectionImage& image = arrival_->image();
  if (processor_.record_buffers() == nullptr) return "OpenSSL's record layer is configured here";
  const auto client = endpoint_of(image.client);
  if (!client) return "its address is none";
  if (image.rest && image.rest->file) {
    const ResponseRest::File& part = *image.rest->file;
    if (processor_.files() != nullptr)
      file = processor_.files()->part(part.path, part.etag, part.offset, part.size);
    if (!file) return "the file being sent is not here, or not the same";
  }
  if (!image.record) return "it has no session";
  session_ = processor_.admission().sessions().adopt(*image.record, Monotonic::now());
  if (!session_) return "its session is not honoured here";
  grant_ = Grant::in_session;
  began_full_ = image.began_full;
  requests_ = image.requests;
  moves_ = image.moves;
  processor_.recount(origin_.address, origin_of(*client).address);
  origin_ = origin_of(*client);
  peer_.address = client->address().to_string();
  peer_.server_name = image.server_name;
  in_ = image.pending;
  tls_ = tls::make_stream(fd(), processor_.tls().context(), *processor_.record_buffers(), image.tls);
  image.tls = {};  // wipes this copy of the keys
  peer_.tls_version = tls_->version_name();
  peer_.resumed = tls_->resumed();
  return {};
}

/// What another owner had not sent yet. It has logged and counted the request.
Task<bool> Connection::finish_response(ResponseRest rest, std::optional<http::FileBody> file) {
  enter(ConnectionState::active);
  const auto& limits = processor_.config().limits;
  const std::uint64_t size = rest.bytes.size() + (file ? file->size() : 0);
  arm(limits.write_timeout + std::chrono::seconds{size / limits.write_rate});
  Sending sending{.keep_alive = rest.keep_alive, .file = file ? &*file : nullptr};
  if (rest.file) {
    sending.path = rest.file->path;
    sending.etag = rest.file->etag;
  }
  sending_ = &sending;
  bool sent = co_await write_all(rest.bytes);
  if (sent && file) {
    std::string buffer = processor_.take_buffer();
    sent = co_await write_file(*file, buffer);
    processor_.put_back(std::move(buffer));
  }
  sending_ = nullptr;
  linger_ = linger_ || !rest.keep_alive;  // the client may have said more
  book(Work::request);
  if (!sent && expired_) processor_.counters().hit(Limit::write_timeout);
  if (sent && rest.keep_alive) enter(ConnectionState::idle);
  co_return sent;
}

}  // namespace sluice::server
