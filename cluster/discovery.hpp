#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/system/result.hpp>

#include "server/task.hpp"

/// Where the other members are: what every way to find that out has in common.
namespace sluice::cluster {

/// What came of a look at who is there.
enum class Looked : std::uint8_t {
  ok,
  empty,      ///< An answer, with nobody in it.
  failed,     ///< No answer.
  malformed,  ///< An answer that is none, or an entry in it that is not an address.
  overrun,    ///< More addresses than there may be members: the rest was left out.
  count
};
inline constexpr std::array<std::string_view, static_cast<std::size_t>(Looked::count)> kLookedNames{
    "ok", "empty", "failed", "malformed", "overrun"};

/// Why there is nothing, in words for the operator.
struct Trouble {
  Looked result = Looked::failed;
  std::string what{};
};
template <class T>
using Or = boost::system::result<T, Trouble>;

/// How discovery stands.
struct DiscoveryView {
  std::string kind{};         ///< "static", "dns", "etcd".
  Looked last = Looked::ok;   ///< Of the last look as a whole.
  std::string trouble{};      ///< Why it does not work at the moment; empty: it does.
  std::size_t addresses = 0;  ///< That the mesh dials, or would if they were not its own.
  std::array<std::uint64_t, static_cast<std::size_t>(Looked::count)> counts{};
};

/// Keeps count of what came of looks, and finds the words: trouble is said once, and that it is over. No I/O.
class DiscoveryBook {
 public:
  explicit DiscoveryBook(std::string kind) { view_.kind = std::move(kind); }

  /// A look as a whole. Returns a line for the operator; empty: nothing that was not said.
  std::string looked(const Trouble& outcome);
  /// Part of a look that worked is no good; `what` is said unless it was the last thing said of its kind.
  std::string remark(const Trouble& remark);
  /// Nothing was wrong of that kind in this look.
  void no_remark(Looked kind) { remarks_[static_cast<std::size_t>(kind)].clear(); }
  void found(std::size_t addresses) { view_.addresses = addresses; }
  const DiscoveryView& view() const noexcept { return view_; }

 private:
  void count(Looked result) { ++view_.counts[static_cast<std::size_t>(result)]; }

  DiscoveryView view_;
  std::array<std::string, static_cast<std::size_t>(Looked::count)> remarks_{};
};

/// Used on the cluster's thread only; must be destroyed before its io_context.
class Discovery {
 public:
  struct Handlers {
    /// Everybody who is there now, itself perhaps included. Called first when the first look was made, and
    /// not when a look failed: who was known stays known.
    std::function<void(const std::vector<std::string>& addresses)> found;
    std::function<void(const Trouble& outcome)> looked;
    std::function<void(const Trouble& remark)> remark;
  };

  virtual ~Discovery() = default;
  virtual void start() = 0;
  /// Tells whoever keeps the list that this member goes, for a moment at most.
  virtual Task<void> leave() = 0;
  /// Nothing is called any more, and its coroutines end soon.
  virtual void stop() = 0;
};

}  // namespace sluice::cluster
