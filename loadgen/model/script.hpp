#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "loadgen/model/page_facts.hpp"
#include "loadgen/model/think.hpp"
#include "loadgen/model/transitions.hpp"
#include "loadgen/random.hpp"

/// What one user does: a sequence of requests, decided without I/O.
namespace sluice::loadgen {

/// The next thing a user does.
struct Action {
  bool end = false;                  ///< The session is over; nothing else is set.
  std::uint16_t state = 0;           ///< Where it is booked: index into `Script::state names`.
  std::string target;                ///< Origin form (RFC 9112 section 3.2.1).
  std::chrono::nanoseconds think{};  ///< To wait before it.
};

/// What became of the last action.
struct Reply {
  bool good =
      false;  ///< A complete response with a status below 400; otherwise the session goes on as after ERROR.
  PageFacts facts;  ///< Of the page, when it was read.
};

/// One session. A user owns one; 50,000 of them live at once, so it is small.
class Script {
 public:
  virtual ~Script() = default;
  /// The first action of the session; its think time is zero.
  virtual Action first(Random& random) = 0;
  virtual Action next(const Reply& reply, Random& random) = 0;
};

/// How many requests a session makes at most: "model" (RUBiS: until EndOfSession, at most 1000), "15",
/// "geom:15" (geometric with that mean).
class SessionLength {
 public:
  static SessionLength parse(std::string_view text);  ///< Throws UsageError.
  /// The limit of one session.
  std::uint32_t draw(Random& random) const noexcept;
  const std::string& text() const noexcept { return text_; }

 private:
  enum class Kind { model, fixed, geometric };
  Kind kind_ = Kind::model;
  double value_ = 1000;
  std::string text_ = "model";
};

/// Size of the shop, for the values that RUBiS' client makes up (user names, categories, regions).
struct ShopSize {
  std::uint32_t users = 1'000'000;
  std::uint32_t items = 32'667;  ///< Open and ended ones.
  std::uint32_t items_per_page = 20;
};

/// What all sessions of a run share. Immutable, outlives the scripts.
struct ScriptSource {
  std::shared_ptr<const Transitions> transitions;  ///< None: `paths` in turn.
  std::vector<std::string> paths;
  Think think = Think::parse("exp:7s");
  SessionLength length = SessionLength::parse("model");
  ShopSize shop;

  /// Names of the states, in the order of `Action::state`.
  std::vector<std::string> states() const;
  /// A new session. The object borrows this source.
  std::unique_ptr<Script> session(Random& random) const;
};

}  // namespace sluice::loadgen
