#include "loadgen/run_options.hpp"

#include <algorithm>
#include <cmath>
#include <thread>

#include "loadgen/error.hpp"
#include "loadgen/words.hpp"

namespace sluice::loadgen {
namespace {

constexpr std::uint32_t kUsersMax = 1'000'000;
constexpr unsigned kThreadsMax = 256;
constexpr double kDurationMax = 7 * 24 * 3600;
constexpr std::uint32_t kConnections = 32;
constexpr double kDuration = 60;

double duration_of(const std::string& name, const std::string& text, double least) {
  const auto seconds = parse_duration(text);
  if (!seconds)
    throw UsageError(name + " " + text + " is not a duration; one looks like 90s, 250ms, 5m or 1h.");
  if (*seconds < least || *seconds > kDurationMax) throw UsageError(name + " " + text + " is out of range.");
  return *seconds;
}

/// Words that the mode would pass over in silence.
void refuse_idle_words(const RunWords& words, Mode mode) {
  const auto refuse = [](bool given, const std::string& sentence) {
    if (given) throw UsageError(sentence);
  };
  if (mode == Mode::sessions)
    return refuse(words.connections != 0,
                  "--connections is for --path and --handshakes; sessions have --users.");
  const std::string its = mode == Mode::handshakes ? "--handshakes" : "--path";
  refuse(!words.model.empty(), "--model describes sessions; with " + its + " there are none.");
  refuse(words.images, "--images is for sessions; with " + its + " there are none.");
  const bool handshakes = mode == Mode::handshakes;
  refuse(handshakes && !words.headers.empty(), "--handshakes makes no requests, so it takes no --header.");
  refuse(handshakes && !words.think.empty(), "--handshakes makes no requests, so it takes no --think.");
  refuse(handshakes && !words.session_length.empty(),
         "--handshakes makes no requests, so it takes no --session-length.");
  refuse(!handshakes && !words.think.empty() && words.rate.has_value(),
         "--rate says when the requests of --path are due, so there is no --think.");
}

void choose_mode(const RunWords& words, Options& options) {
  if (words.handshakes && !words.paths.empty())
    throw UsageError("--handshakes makes no requests, so it takes no --path.");
  options.mode = words.handshakes ? Mode::handshakes : words.paths.empty() ? Mode::sessions : Mode::requests;
  for (const auto& path : words.paths)
    if (!path.starts_with('/') || path.find_first_of(" \r\n\t") != std::string::npos)
      throw UsageError("--path \"" + path + "\" is not a path; one begins with / and has no blanks.");
  refuse_idle_words(words, options.mode);
}

void choose_arrivals(const RunWords& words, Options& options) {
  if (words.arrivals.empty()) return;
  if (words.arrivals != "poisson" && words.arrivals != "deterministic")
    throw UsageError("--arrivals " + words.arrivals + ": there are poisson and deterministic.");
  if (words.profile.starts_with("replay "))
    throw UsageError("a replay has its own arrivals, so it takes no --arrivals.");
  options.arrivals = words.arrivals == "poisson" ? Arrivals::poisson : Arrivals::deterministic;
}

void choose_source(const RunWords& words, Options& options) {
  auto& source = options.source;
  source.shop = words.shop;
  source.paths = words.paths;
  if (options.mode == Mode::sessions)
    source.transitions =
        std::make_shared<const Transitions>(Transitions::load(words.model.empty() ? "default" : words.model));
  const bool sessions = options.mode == Mode::sessions;
  source.think = Think::parse(!words.think.empty() ? words.think : sessions ? "exp:7s" : "0");
  source.length = SessionLength::parse(words.session_length.empty() ? "model" : words.session_length);
}

// One of: rate, profile or trace (open loop), users (closed loop).
void choose_load(const RunWords& words, Options& options) {
  const std::uint32_t users = std::max(words.users, words.connections);
  const bool requests = options.mode == Mode::requests;
  if (words.rate && !words.profile.empty())
    throw UsageError("--rate and --profile both say how many come; take one.");
  const bool open = words.rate || !words.profile.empty();
  if (open && users != 0 && !requests)
    throw UsageError("--users is a closed loop, --rate and --profile an open one; take one of them.");
  if (users > kUsersMax) throw UsageError("more than a million users are more than one generator can be.");
  const std::string who = requests                           ? " requests/s"
                          : options.mode == Mode::handshakes ? " handshakes/s"
                                                             : " new clients/s";
  if (words.rate) {
    if (!(*words.rate > 0 && *words.rate <= Profile::kRateMax))
      throw UsageError("--rate " + typed(*words.rate) + " is out of range: above 0, at most a million.");
    options.profile = Profile::constant(*words.rate);
    options.load_text =
        typed(*words.rate) + who + (options.arrivals == Arrivals::poisson ? ", Poisson" : ", evenly spaced");
  } else if (words.profile.starts_with("replay ")) {
    options.recorded = read_arrivals(words.profile.substr(7));
    if (options.recorded.empty())
      throw UsageError("--profile \"" + words.profile + "\": there are no arrivals in that file.");
    options.load_text = words.profile;
  } else if (!words.profile.empty()) {
    options.profile = Profile::parse(words.profile);
    options.load_text = words.profile + who;
  }
  if (!open && users == 0 && options.mode == Mode::sessions)
    throw UsageError(
        "say how many come: --rate 40, --profile 'ramp 10..80/120s', or --users 200 for a closed loop.");
  if (!open || requests) options.users = users != 0 ? users : kConnections;
  if (!open)
    options.load_text =
        std::to_string(options.users) +
        (options.mode == Mode::sessions ? " users, closed loop" : " connections, closed loop");
  if (open && requests) options.load_text += " over " + std::to_string(options.users) + " connections";
}

void choose_times(const RunWords& words, Options& options) {
  options.warmup_s = duration_of("--warmup", words.warmup, 0);
  options.timeout_s = duration_of("--timeout", words.timeout, 0.001);
  if (!words.duration.empty()) {
    options.duration_s = duration_of("--duration", words.duration, 0.01);
  } else if (!options.recorded.empty()) {
    options.duration_s = options.recorded.back() + 1;
  } else {
    options.duration_s = options.profile ? options.profile->length().value_or(kDuration) : kDuration;
  }
  options.warmup_s = std::ceil(options.warmup_s);  // figures come by the second
  if (options.warmup_s >= options.duration_s)
    throw UsageError("--warmup " + words.warmup + " leaves nothing of the " + typed(options.duration_s) +
                     " s that the run lasts.");
}

void choose_tls(const RunWords& words, Options& options) {
  auto& tls = options.tls;
  using Version = TlsOptions::Version;
  if (words.tls == "1.2") tls.version = Version::v12;
  if (words.tls == "1.3") tls.version = Version::v13;
  if (tls.version == Version::any && !words.tls.empty())
    throw UsageError("--tls " + words.tls + ": there are 1.2 and 1.3.");
  tls.ciphers = words.ciphers;
  tls.groups = words.groups;
  tls.ca_file = words.ca;
  tls.sni = words.sni;
  tls.insecure = words.insecure;
  options.resume = Resume::parse(words.resume);
  if (options.resume.kind != Resume::Kind::session_id) return;
  if (tls.version == Version::v13)
    throw UsageError("--resume session-id is TLS 1.2's; TLS 1.3 knows tickets only.");
  tls.version = Version::v12;
}

void check_headers(const std::vector<std::string>& headers) {
  for (const auto& header : headers)
    if (header.find(':') == std::string::npos || header.find_first_of("\r\n") != std::string::npos)
      throw UsageError("--header \"" + header + "\" is not a field; one looks like 'Accept-Language: en'.");
}

}  // namespace

Options options_from(const RunWords& words) {
  Options options;
  options.target = Target::parse(words.target);
  choose_arrivals(words, options);
  choose_mode(words, options);
  choose_source(words, options);
  choose_load(words, options);
  choose_times(words, options);
  choose_tls(words, options);
  check_headers(words.headers);
  options.headers = words.headers;
  options.sources = words.sources;
  options.images = words.images;
  const auto retry = parse_retry(words.retry);
  if (!retry) throw UsageError("--retry " + words.retry + ": there are none, browser, curl and urllib3.");
  options.retry = *retry;
  for (const auto& attack : words.attacks) options.attacks.push_back(Attack::parse(attack));
  if (words.attacks.empty() && !words.attack_sources.empty())
    throw UsageError("--attack-source says where attackers come from, and there is no --attack.");
  options.attack_sources = words.attack_sources;
  for (const auto& limit : words.limits) options.limits.push_back(parse_limit(limit));
  if (words.threads > kThreadsMax)
    throw UsageError("--threads " + std::to_string(words.threads) + " is more than 256.");
  options.threads = words.threads != 0 ? words.threads : std::max(1U, std::thread::hardware_concurrency());
  if (options.users != 0) options.threads = std::min(options.threads, options.users);
  options.seed = words.seed;
  options.metrics_url = words.metrics;
  options.label = words.label;
  return options;
}

}  // namespace sluice::loadgen
