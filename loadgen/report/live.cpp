#include "loadgen/report/live.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <optional>

#include "loadgen/report/format.hpp"

namespace sluice::loadgen {
namespace {

/// One quantity of the view.
struct Quantity {
  const char* name;
  std::function<double(const TimeBin&)> now;
  std::optional<std::uint64_t> total;
  const char* unit = "/s";
};

std::function<double(const TimeBin&)> of(std::uint64_t TimeBin::*member) {
  return [member](const TimeBin& bin) { return static_cast<double>(bin.*member); };
}

std::vector<Quantity> session_quantities(const Tally& all) {
  return {{"started", of(&TimeBin::started), all.sessions.started},
          {"completed", of(&TimeBin::completed), all.sessions.completed},
          {"refused", [](const TimeBin& bin) { return static_cast<double>(bin.refused()); },
           all.sessions.refused_total()},
          {"abandoned", of(&TimeBin::abandoned), all.sessions.abandoned_total()},
          {"live", of(&TimeBin::live_sessions), std::nullopt, ""}};
}

/// What matters in this mode, in the order of the block.
std::vector<Quantity> quantities(const Progress& progress) {
  static const Tally kNothing;
  const Tally& all = progress.so_far == nullptr ? kNothing : *progress.so_far;
  const std::string mode = progress.setup == nullptr ? "sessions" : progress.setup->mode;
  std::vector<Quantity> list;
  if (mode != "requests" && mode != "handshakes") list = session_quantities(all);
  if (mode != "handshakes") {
    const RequestTally& r = all.requests;
    list.push_back({"replies", of(&TimeBin::replies), r.replies});
    list.push_back({"errors", of(&TimeBin::errors), r.client_errors + r.server_errors + r.busy + r.failed});
    list.push_back({"p50", [](const TimeBin& bin) { return bin.p50_ms; }, std::nullopt, " ms"});
    list.push_back({"p99", [](const TimeBin& bin) { return bin.p99_ms; }, std::nullopt, " ms"});
  }
  if (mode != "requests") {
    list.push_back({"full TLS", of(&TimeBin::handshakes_full), all.connections.handshakes_full});
    list.push_back({"resumed TLS", of(&TimeBin::handshakes_resumed), all.connections.handshakes_resumed});
  }
  const bool attacked = progress.setup != nullptr && !progress.setup->attack.empty();
  if (attacked) list.push_back({"attacks", of(&TimeBin::attacks), std::nullopt});
  list.push_back({"own CPU", [](const TimeBin& bin) { return 100 * bin.own_cpu; }, std::nullopt, " %"});
  return list;
}

/// The last `width` values as bars from zero to their maximum.
std::string sparkline(const std::vector<TimeBin>& history, const Quantity& quantity, std::size_t width) {
  constexpr std::array<const char*, 8> kBars{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const std::size_t begin = history.size() - std::min(history.size(), width);
  double top = 0;
  for (std::size_t i = begin; i < history.size(); ++i) top = std::max(top, quantity.now(history[i]));
  std::string out;
  for (std::size_t i = begin; i < history.size(); ++i) {
    const double share = top > 0 ? quantity.now(history[i]) / top : 0;
    out += kBars.at(static_cast<std::size_t>(std::lround(std::clamp(share, 0.0, 1.0) * (kBars.size() - 1))));
  }
  return out;
}

std::string clock(double elapsed_s) {
  const auto total = static_cast<std::uint64_t>(std::clamp(elapsed_s, 0.0, 1e9));
  const auto two = [](std::uint64_t value) { return (value < 10 ? "0" : "") + std::to_string(value); };
  const std::string minutes = two(total / 60 % 60) + ":" + two(total % 60);
  return total < 3600 ? minutes : std::to_string(total / 3600) + ":" + minutes;
}

const char* stage(const Progress& progress) {
  if (progress.draining) return "requests in flight come to their end";
  return progress.warming_up ? "warming up" : "";
}

std::string progress_bar(const Progress& progress, std::size_t width) {
  const double duration = progress.setup == nullptr ? 0 : progress.setup->duration_s;
  if (duration <= 0) return "";
  const double share = std::clamp(progress.elapsed_s / duration, 0.0, 1.0);
  const auto full = static_cast<std::size_t>(std::lround(share * static_cast<double>(width)));
  std::string out;
  for (std::size_t i = 0; i < width; ++i) out += i < full ? "█" : "░";
  return out;
}

std::string head(const Progress& progress) {
  if (progress.setup == nullptr) return "";
  return report::printable(progress.setup->target + "  " + progress.setup->load);
}

std::string now_text(const Quantity& quantity, const TimeBin* bin) {
  return bin == nullptr ? "-" : report::number(quantity.now(*bin)) + quantity.unit;
}

std::string right(const std::string& text, std::size_t width) {
  return std::string(width - std::min(width, report::columns(text)), ' ') + text;
}

}  // namespace

std::string live_block(const Progress& progress, unsigned width) {
  constexpr std::size_t kBar = 30, kName = 13, kNow = 11, kTotal = 13, kSparkMax = 60;
  std::string out = report::fitted(head(progress), width) + "\n";
  std::string line = clock(progress.elapsed_s);
  if (progress.setup != nullptr) line += " of " + clock(progress.setup->duration_s);
  line += "  " + progress_bar(progress, kBar) + "  " + stage(progress);
  out += report::fitted(line, width) + "\n";
  constexpr std::size_t kFigures = kName + kNow + kTotal + 2;
  const std::size_t spark = width > kFigures ? std::min<std::size_t>(width - kFigures, kSparkMax) : 0;
  for (const Quantity& quantity : quantities(progress)) {
    std::string row = quantity.name;
    row.append(kName - std::min(kName, row.size()), ' ');
    row += right(now_text(quantity, progress.bin), kNow);
    row += right(quantity.total ? report::count(*quantity.total) : "", kTotal);
    if (progress.history != nullptr) row += "  " + sparkline(*progress.history, quantity, spark);
    out += report::fitted(row, width) + "\n";
  }
  return out;
}

std::string live_line(const Progress& progress) {
  std::string out = clock(progress.elapsed_s);
  for (const Quantity& quantity : quantities(progress))
    out.append("  ").append(quantity.name).append(" ").append(now_text(quantity, progress.bin));
  if (*stage(progress) != '\0') out.append("  (").append(stage(progress)).append(")");
  return out;
}

}  // namespace sluice::loadgen
