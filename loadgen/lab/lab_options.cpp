#include "loadgen/lab/lab_options.hpp"

#include <CLI/CLI.hpp>

#include "loadgen/error.hpp"
#include "loadgen/profile.hpp"

namespace sluice::loadgen {

namespace {

void add_duration(CLI::App& command, const std::string& name, std::optional<double>& value,
                  const std::string& help) {
  command.add_option_function<std::string>(
      name,
      [&value, name](const std::string& text) {
        value = parse_duration(text);
        if (!value) throw UsageError(name + " \"" + text + "\" is not a duration such as 10s");
      },
      help);
}

}  // namespace

void add_lab_options(CLI::App& command, LabOptions& options) {
  command.add_option("experiment", options.experiment, "saturation, step, ramp, ...; see --list");
  command.add_flag("--list", options.list, "What experiments there are, and how long they take");
  auto* quick = command.add_flag_callback(
      "--quick", [&options] { options.size = LabSize::quick; }, "Under three minutes, in scaled time");
  command
      .add_flag_callback(
          "--full", [&options] { options.size = LabSize::full; }, "With the paper's times: hours")
      ->excludes(quick);
  command.add_option("--server", options.server,
                     "The sluice binary (default: beside this one, else on the PATH)");
  command.add_option("--out", options.out, "Folder of the page and of lab.json (default: lab-EXPERIMENT)");
  command
      .add_option(
          "--policy", options.policies,
          "Admission policies to compare, the baseline first: off, observe, paper, session-budget, or what "
          "else the server knows")
      ->delimiter(',');
  command.add_option("--processors", options.processors, "CPUs of the server, fractions allowed")
      ->delimiter(',');
  command
      .add_option(
          "--certificate", options.certificates,
          "ecdsa, rsa2048, rsa4096 (saturation, step, ramp: rsa4096 with TLS 1.2 and session IDs, the "
          "paper's costs, unless one of them is given; else ecdsa)")
      ->delimiter(',');
  command.add_option("--tls", options.tls, "TLS version")->check(CLI::IsMember({"1.2", "1.3"}));
  command.add_option("--resume", options.resume, "What clients offer to resume, as for run");
  command.add_option("--model", options.model, "default, browse, or a file")->capture_default_str();
  command.add_option("--think", options.think, "Think time, as for run");
  command.add_option("--session-length", options.session_length, "Requests per session, as for run");
  command.add_option("--set", options.settings, "A setting of the server: key=value; may be repeated")
      ->take_all();
  command
      .add_option("--multiples", options.multiples,
                  "Loads to measure, as multiples of the saturation rate (resumption: shares that resume)")
      ->delimiter(',');
  command
      .add_option("--saturation", options.saturation,
                  "New clients/s that saturate one CPU, when known: leaves the search out")
      ->check(CLI::PositiveNumber);
  command
      .add_option("--scheme", options.schemes,
                  "How balancers go, of cluster-balance: address-hash, session-id, round-robin, weighted, "
                  "least-connections")
      ->delimiter(',');
  add_duration(command, "--duration", options.duration_s,
               "Measured time of each point (of each phase of a step)");
  add_duration(command, "--warmup", options.warmup_s, "Time before it that is not measured");
  add_duration(command, "--timeout", options.timeout_s, "Patience of the clients");
  command.add_option("--repeats", options.repeats, "How often each point is measured");
  command.add_option("--shop-users", options.shop_users, "Users in the shop");
  command.add_option("--shop-items", options.shop_items, "Items in the shop");
  command.add_option("--seed", options.seed, "Of every random choice")->capture_default_str();
}

}  // namespace sluice::loadgen
