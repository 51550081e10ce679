#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// Configuration keys and where their values come from: flag > environment > file > default.
namespace sluice::server {

/// One thing wrong with the configuration, in a sentence an operator can act on.
struct Problem {
  std::string where;  ///< "sluice.toml:4:11", "--set", "environment variable SLUICE_..."; never empty.
  std::string what;
  std::string text() const { return where + ": " + what; }
};

/// The keys of one program. Each is bound to a variable that holds the default before a value is applied; a
/// variable must outlive the Settings. Used at start-up, on one thread.
///
/// Values are refused, not clamped. In text (flags, environment) and in TOML strings, durations are written
/// "500ms", "10s", "5m", "12h" and sizes "64KiB" or plain bytes; lists are comma-separated.
class Settings {
 public:
  using Duration = std::chrono::milliseconds;

  void add(std::string key, std::string& target, std::string help);
  /// A text of which only `shown(text)` may be printed, since it can hold a secret.
  void add(std::string key, std::string& target, std::string help,
           std::function<std::string(const std::string&)> shown);
  void add(std::string key, std::vector<std::string>& target, std::string help);
  void add(std::string key, bool& target, std::string help);
  void add(std::string key, std::filesystem::path& target, std::string help);
  void add(std::string key, std::uint64_t& target, std::uint64_t min, std::uint64_t max, std::string help);
  void add(std::string key, Duration& target, Duration min, Duration max, std::string help);
  /// One of a few words.
  void add_choice(std::string key, std::string& target, const std::vector<std::string>& words,
                  std::string help);

  /// Applies a TOML file. A file that can't be read or parsed is one problem; the rest is one problem per
  /// key.
  void apply_file(const std::filesystem::path& file, std::vector<Problem>& problems);
  /// Applies SLUICE_SECTION_KEY. Unknown ones are left alone: Kubernetes puts SLUICE_SERVICE_HOST and the
  /// like into the environment of every container beside a service of that name.
  void apply_environment(std::vector<Problem>& problems);
  /// Applies "key=value".
  void apply_flag(std::string_view assignment, std::vector<Problem>& problems);

  struct Line {
    std::string key, value, origin, help;
  };
  /// Every key with its value as TOML and where it came from, in the order of declaration.
  std::vector<Line> lines() const;

 private:
  using Value = std::variant<std::string, std::int64_t, bool, std::vector<std::string>>;
  /// Empty when the value was taken, otherwise what is wrong with it.
  using Setter = std::function<std::string(const Value&)>;
  struct Key {
    std::string name, help;
    Setter set;
    std::function<std::string()> show;
    std::string origin = "default";
  };
  struct TomlWalk;

  void add_key(std::string name, std::string help, Setter set, std::function<std::string()> show);
  Key* find(std::string_view name);
  std::string unknown(std::string_view name) const;
  void assign(Key& key, const Value& value, const std::string& where, std::vector<Problem>& problems);

  std::vector<Key> keys_;
};

/// "1500ms" or "10s" -> milliseconds; nullopt unless a whole number and one of ms, s, m, h.
std::optional<Settings::Duration> parse_duration(std::string_view text);
/// "64KiB", "1MiB", "1GiB" or plain bytes.
std::optional<std::uint64_t> parse_size(std::string_view text);

}  // namespace sluice::server
