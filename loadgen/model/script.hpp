#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "loadgen/model/page_facts.hpp"
#include "loadgen/model/rubis.hpp"
#include "loadgen/model/think.hpp"
#include "loadgen/model/transitions.hpp"

/// What one user does: a sequence of requests, decided without I/O.
namespace sluice::loadgen {

/// The next thing a user does.
struct Action {
  bool end = false;                  ///< The session is over; nothing else is set.
  std::uint16_t state = 0;           ///< Where it is booked: index into `ScriptSource::states()`.
  std::string target{};              ///< Origin form (RFC 9112 section 3.2.1).
  std::chrono::nanoseconds think{};  ///< To wait before it.
};

/// What became of the last action.
struct Reply {
  bool good =
      false;  ///< A complete response with a status below 400; otherwise the session goes on as after ERROR.
  PageFacts facts;  ///< Of the page, when it was read (`ScriptSource::reads_pages`).
};

/// One session. A user owns one; 50,000 of them live at once, so it is small.
class Script {
 public:
  virtual ~Script() = default;
  /// The first action of the session; its think time is zero.
  virtual Action first(Random& random) = 0;
  virtual Action next(const Reply& reply, Random& random) = 0;
};

/// How many requests a session makes at most: "model" (RUBiS: until EndOfSession, at most 1000; paths in
/// turn: without end), "15", "geom:15" (geometric with that mean). At most a million.
class SessionLength {
 public:
  static SessionLength parse(std::string_view text);  ///< Throws UsageError.
  /// The limit of one session; 1000 for "model".
  std::uint32_t draw(Random& random) const noexcept;
  bool of_model() const noexcept { return kind_ == Kind::model; }
  const std::string& text() const noexcept { return text_; }

 private:
  enum class Kind { model, fixed, geometric };
  Kind kind_ = Kind::model;
  double value_ = 1000;
  std::string text_ = "model";
};

/// What all sessions of a run share. Immutable, outlives the scripts.
///
/// With `transitions` a session walks as RUBiS' client does. It starts in state 0 (Home). After ERROR, or no
/// good reply, it goes to state 0 and keeps its history. After "Sorry" it steps back instead of what it
/// chose: the last state of its history is requested, but booked under the one that was chosen. ViewItem and
/// PutBid without any item, ViewUserInfo without any user step back as well. States that are paths are just
/// requested. Differences from RUBiS: where its thread would die, as for Back without a history, we go to
/// state 0; a session knows nothing of the items and users that its thread saw in an earlier one; a user
/// thinks before he goes Home after an error (RUBiS' doesn't, and would hammer a server that is down).
struct ScriptSource {
  std::shared_ptr<const Transitions> transitions;  ///< None: `paths` in turn.
  std::vector<std::string> paths;                  ///< At least one when there are no transitions.
  Think think = Think::parse("exp:7s");
  SessionLength length = SessionLength::parse("model");
  ShopSize shop;

  /// Names of the states, in the order of `Action::state`.
  std::vector<std::string> states() const;
  /// Whether the scripts look at `Reply::facts`: pages of RUBiS have marks, those of other sites don't.
  bool reads_pages() const noexcept { return transitions && transitions->has_interactions(); }
  /// A new session. The object borrows this source.
  std::unique_ptr<Script> session(Random& random) const;
};

}  // namespace sluice::loadgen
