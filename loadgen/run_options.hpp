#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loadgen/options.hpp"

/// From the words of `sluice-load run` to checked options.
namespace sluice::loadgen {

/// What was typed; empty or zero where nothing was.
struct RunWords {
  std::string target, profile, model, think, session_length, tls, ciphers, groups, ca, sni,
      resume = "per-user";
  std::string retry = "none", arrivals, metrics, label;
  std::string duration, warmup = "0s", timeout = "10s";
  std::optional<double> rate;
  std::uint32_t users = 0, connections = 0;
  std::vector<std::string> paths, headers, sources, attacks, attack_sources, limits;
  bool handshakes = false, images = false, insecure = false;
  unsigned threads = 1;
  std::uint64_t seed = 1;
  ShopSize shop;
};

/// Throws UsageError with one sentence about the first thing that makes no sense.
Options options_from(const RunWords& words);

}  // namespace sluice::loadgen
