#include "loadgen/command_line.hpp"

#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <iostream>

#include <CLI/CLI.hpp>
#include <boost/algorithm/string/split.hpp>

#include "loadgen/error.hpp"
#include "loadgen/lab/lab_options.hpp"
#include "loadgen/model/describe.hpp"
#include "loadgen/report/combine.hpp"
#include "loadgen/report/format.hpp"
#include "loadgen/report/html.hpp"
#include "loadgen/report/json.hpp"
#include "loadgen/report/text.hpp"
#include "loadgen/run.hpp"
#include "loadgen/run_options.hpp"

namespace sluice::loadgen {
namespace {

enum Exit { kOk = 0, kFailed = 1, kUsage = 2, kClientLimited = 3, kLimitMissed = 99 };

std::atomic<bool> stop_asked{false};

void stop_on(int signal) {
  stop_asked.store(true);
  std::signal(signal, SIG_DFL);  // a second one ends it at once
}

void install_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, stop_on);
  // A closed terminal ends it in good order too, unless nohup(1) has seen to that.
  if (std::signal(SIGHUP, stop_on) == SIG_IGN) std::signal(SIGHUP, SIG_IGN);
}

/// Descriptors are connections here, and servers of a lab inherit the limit: all the system lets us have.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

/// Where results go besides the terminal.
struct Output {
  std::string json, html, folder;
  bool quiet = false;

  /// Throws RunError where nothing can be written: better now than after the run.
  void check() const {
    for (const auto& file : {json, html})
      if (!file.empty()) check_writable(file);
    if (folder.empty()) return;
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    if (failed) throw RunError("can't make the folder " + folder + ": " + failed.message() + ".");
    check_writable(folder + "/result.json");
  }

  void write(const Result& result) const {
    if (!json.empty()) write_file(json, json_text(result));
    if (!html.empty()) write_file(html, html_report(result));
    if (folder.empty()) return;
    write_file(folder + "/result.json", json_text(result));
    write_file(folder + "/report.html", html_report(result));
    write_file(folder + "/latency.hgrm", hgrm(result.measured().latency[at(Phase::complete)]));
  }
};

/// Shows progress on stderr: a block that is redrawn on a terminal, plain lines elsewhere.
class LiveView {
 public:
  explicit LiveView(double duration_s)
      : terminal_(::isatty(STDERR_FILENO) == 1), every_(duration_s <= 30 ? 1 : 5) {}

  void show(const Progress& progress) {
    if (!terminal_) {
      if (++seconds_ % every_ == 0) std::cerr << live_line(progress) << std::endl;
      return;
    }
    winsize size{};
    const unsigned width =
        ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
    erase();
    const std::string block = live_block(progress, width);
    lines_ = static_cast<int>(std::ranges::count(block, '\n'));
    std::cerr << block << std::flush;
  }
  /// Makes room for the summary.
  void erase() {
    if (lines_ > 0) std::cerr << "\x1b[" << lines_ << "A\x1b[J" << std::flush;
    lines_ = 0;
  }

 private:
  bool terminal_;
  unsigned every_;
  unsigned seconds_ = 0;
  int lines_ = 0;
};

int exit_code(const Result& result) {
  if (result.verdict.kind == Verdict::Kind::client_limited) return kClientLimited;
  const bool missed = std::ranges::any_of(result.limits, [](const auto& limit) { return !limit.ok; });
  return missed ? kLimitMissed : kOk;
}

int run_command(const RunWords& words, const Output& output) {
  const Options options = options_from(words);
  output.check();
  install_signals();
  raise_descriptor_limit();
  LiveView view(options.duration_s);
  const Result result = run(
      options,
      [&](const Progress& progress) {
        if (!output.quiet) view.show(progress);
      },
      stop_asked);
  view.erase();
  std::cout << summary(result) << std::flush;
  output.write(result);
  return exit_code(result);
}

/// "a.json,b.json", or folders that `--out` made.
std::vector<Result> read_results(const std::string& list) {
  std::vector<std::string> names;
  boost::algorithm::split(names, list, [](char c) { return c == ','; });
  std::vector<Result> results;
  for (const auto& name : names) results.push_back(read_result(name));
  return results;
}

int compare_command(const std::string& name_a, const std::string& name_b) {
  const auto a = read_results(name_a), b = read_results(name_b);
  std::cout << comparison_table(compare(a, b), name_a, name_b);
  for (const auto& caveat : comparison_caveats(a, b)) std::cout << "  " << report::printable(caveat) << '\n';
  return kOk;
}

int merge_command(const std::vector<std::string>& names, const Output& output) {
  std::vector<Result> results;
  for (const auto& name : names)
    for (auto& result : read_results(name)) results.push_back(std::move(result));
  output.check();
  const Result merged = merge(results);
  std::cout << summary(merged) << std::flush;
  output.write(merged);
  return exit_code(merged);
}

int report_command(const std::string& name, const Output& output) {
  output.check();
  const Result result = read_result(name);
  std::cout << summary(result) << std::flush;
  output.write(result);
  return kOk;
}

void add_load_options(CLI::App& app, RunWords& words) {
  const auto load = "How much";
  app.add_option("--rate", words.rate, "New clients per second, an open loop (requests/s with --path)")
      ->group(load);
  app.add_option("--profile", words.profile,
                 "Rate over time: 'step 10/60s, ramp 10..80/120s, spike 200/5s, hold/30s', or 'replay FILE'")
      ->group(load);
  app.add_option("--users", words.users, "That many users, each coming back when it has ended: a closed loop")
      ->group(load);
  app.add_option("--connections", words.connections, "The same, for --path and --handshakes; 32 if not given")
      ->group(load);
  app.add_option("--arrivals", words.arrivals, "poisson (if not given) or deterministic, evenly spaced")
      ->capture_default_str()
      ->group(load);
  app.add_option("--duration", words.duration, "How long clients arrive: 60s, or as long as the profile")
      ->group(load);
  app.add_option("--warmup", words.warmup, "This much of the duration is not counted")
      ->capture_default_str()
      ->group(load);
  app.add_option("--timeout", words.timeout, "A client gives up on a request after it")
      ->capture_default_str()
      ->group(load);
}

void add_session_options(CLI::App& app, RunWords& words) {
  const auto what = "What they do";
  app.add_option("--model", words.model,
                 "default or browse (RUBiS' tables), default_7, browse_7, or a transition table in a file")
      ->group(what);
  app.add_option("--path", words.paths,
                 "No sessions: this path again and again on kept connections; several are taken in turn")
      ->group(what);
  app.add_flag("--handshakes", words.handshakes, "No requests: connect, handshake, close")->group(what);
  app.add_option("--think", words.think, "exp:7s, const:1s, table (the model's), table:0.1, or 0")
      ->group(what);
  app.add_option("--session-length", words.session_length,
                 "Requests of a session at most: model, 15, or geom:15")
      ->group(what);
  app.add_flag("--images", words.images, "Fetch embedded images, as RUBiS' client does")->group(what);
  app.add_option("--shop-users", words.shop.users, "Users in the auction's database")
      ->capture_default_str()
      ->group(what);
  app.add_option("--shop-items", words.shop.items, "Items in the auction's database")
      ->capture_default_str()
      ->group(what);
  app.add_option("--items-per-page", words.shop.items_per_page, "Asked of searches")
      ->capture_default_str()
      ->group(what);
  app.add_option("--retry", words.retry,
                 "After a refusal they come back as none, browser, curl or urllib3 do")
      ->capture_default_str()
      ->group(what);
  app.add_option("--header", words.headers, "'Name: value', sent with every request")->group(what);
}

void add_tls_options(CLI::App& app, RunWords& words) {
  const auto tls = "TLS and sockets";
  app.add_option("--tls", words.tls, "1.2 or 1.3; both are offered if not given")->group(tls);
  app.add_option("--ciphers", words.ciphers, "As `openssl ciphers` names them, with colons between")
      ->group(tls);
  app.add_option("--groups", words.groups, "As X25519:P-256")->group(tls);
  app.add_option("--ca", words.ca, "Trust the certificates in this file, besides the system's")->group(tls);
  app.add_option("--sni", words.sni, "Ask for this name instead of the target's host")->group(tls);
  app.add_flag("--insecure", words.insecure, "Trust any certificate")->group(tls);
  app.add_option("--resume", words.resume,
                 "Sessions offered: per-user, never, ratio:R, session-id, shared, stale, stale:AGE")
      ->capture_default_str()
      ->group(tls);
  app.add_option("--attack", words.attacks, "Hostile clients beside the others, as forged-ticket:100/s")
      ->group(tls);
  app.add_option("--attack-source", words.attack_sources,
                 "Local address that attackers come from, as 127.66.6.1; several are taken in turn")
      ->group(tls);
  app.add_option("--source", words.sources,
                 "Local address to come from; several are taken in turn, one for each client")
      ->group(tls);
}

void add_run_options(CLI::App& app, RunWords& words) {
  app.add_option("--target", words.target, "https://host:port")->required();
  add_load_options(app, words);
  add_session_options(app, words);
  add_tls_options(app, words);
  app.add_option("--threads", words.threads, "0: one per CPU")->capture_default_str();
  app.add_option("--seed", words.seed, "Of every random choice: the same seed gives the same clients")
      ->capture_default_str();
  app.add_option("--metrics", words.metrics,
                 "The server's own figures on the same clock: http://127.0.0.1:9180/metrics");
  app.add_option("--limit", words.limits,
                 "Exit code 99 unless it holds, as 'session_ok>=0.95' or 'p99(complete)<2s'");
  app.add_option("--label", words.label, "A name for this run in reports");
  app.footer("Limits:\n" + metric_help());
}

void add_output_options(CLI::App& app, Output& output) {
  const auto group = "Results";
  app.add_option("--json", output.json, "Write the result to this file")->group(group);
  app.add_option("--html", output.html, "Write a report with charts to this file")->group(group);
  app.add_option("--out", output.folder, "Write result.json, report.html and latency.hgrm into this folder")
      ->group(group);
}

int say(const std::exception& error, Exit code) {
  const std::string_view sentence = error.what();
  std::cerr << "sluice-load: " << sentence << (sentence.ends_with('.') ? "\n" : ".\n");
  return code;
}

}  // namespace

int command_line(int argc, char** argv) {
  CLI::App app{"Generates whole HTTPS sessions and shows what becomes of them.", "sluice-load"};
  app.set_version_flag("--version", std::string("sluice-load ") + kVersion);
  app.require_subcommand(1);
  RunWords words;
  Output output;
  std::string a, b, result, model;
  std::vector<std::string> several;
  int code = kOk;

  auto* run_app = app.add_subcommand("run", "Generate load and report");
  add_run_options(*run_app, words);
  add_output_options(*run_app, output);
  run_app->add_flag("--quiet", output.quiet, "No live view");
  run_app->callback([&] { code = run_command(words, output); });

  auto* compare_app = app.add_subcommand("compare", "Two runs, or two sets of repeats, side by side");
  compare_app->add_option("A", a, "Result file or folder; repeats with commas between")->required();
  compare_app->add_option("B", b, "The same")->required();
  compare_app->callback([&] { code = compare_command(a, b); });

  auto* merge_app = app.add_subcommand("merge", "Results of generators that ran at the same time, as one");
  merge_app->add_option("RESULT", several, "Result files or folders")->required();
  add_output_options(*merge_app, output);
  merge_app->callback([&] { code = merge_command(several, output); });

  auto* report_app = app.add_subcommand("report", "Show a result again");
  report_app->add_option("RESULT", result, "Result file or folder")->required();
  add_output_options(*report_app, output);
  report_app->callback([&] { code = report_command(result, output); });

  auto* check_app =
      app.add_subcommand("check", "What a model asks for: shares of its pages, length of its sessions");
  check_app->add_option("MODEL", model, "default, browse, or a transition table in a file")->required();
  check_app->callback([&] { std::cout << describe(Transitions::load(model), words.seed); });

  LabOptions lab;
  for (int i = 0; i < argc; ++i) lab.command_line += (i > 0 ? " " : "") + report::shell_word(argv[i]);
  auto* lab_app = app.add_subcommand("lab", "Start servers, find where they saturate, and compare them");
  add_lab_options(*lab_app, lab);
  lab_app->callback([&] {
    install_signals();
    raise_descriptor_limit();
    code = run_lab(lab, lab.list ? std::cout : std::cerr, stop_asked);
  });

  try {
    app.parse(argc, argv);
    return code;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kUsage;
  } catch (const UsageError& error) {
    return say(error, kUsage);
  } catch (const std::exception& error) {
    return say(error, kFailed);
  }
}

}  // namespace sluice::loadgen
