#pragma once
#include <functional>
#include <optional>
#include <vector>

/// Where a server saturates, found with few short probes. Pure: a probe is made by somebody else.
namespace sluice::loadgen::lab {

/// What a short run at one rate showed.
struct Probe {
  double rate = 0;                    ///< New clients per second.
  double unsuccessful = 0;            ///< Share of the sessions that were refused or abandoned, 0 to 1.
  std::optional<double> cpu_share{};  ///< Server: CPU used of what it may use, 0 to 1; none when not known.
  bool client_limited = false;        ///< The generator was the bottleneck: says nothing about the server.
};

struct SearchPlan {
  double start = 20;        ///< First rate; low, as a probe beyond saturation is the slow kind.
  double precision = 1.25;  ///< Ends once saturation lies between two rates of at most this ratio.
  unsigned probes_max = 10;
  double rate_min = 0.5;  ///< A server that can't carry even this is reported as it is.
};

/// A short probe can't wait until a queue has grown to the clients' timeout: CPU at its limit is the earlier
/// sign, lost sessions the surer one, unless the generator lost them.
bool saturated(const Probe& probe) noexcept;

/// The rate to probe next; none when the search has ended. At least doubles while nothing saturates (further
/// when the CPU used says that it can, at most eightfold), quarters while everything does, then bisects on a
/// logarithmic scale. A client-limited probe is made once more, as a neighbour on the machine may have been
/// the reason; of probes at the same rate the last one counts.
std::optional<double> next_rate(const std::vector<Probe>& probes, const SearchPlan& plan);

/// The probes of a whole search, each made by `probe`. None when one of them gave none: what is known of a
/// search that was broken off must not be taken for a saturation rate.
std::optional<std::vector<Probe>> search(
    const SearchPlan& plan, const std::function<std::optional<Probe>(double rate, unsigned index)>& probe);

struct Saturation {
  double rate = 0;              ///< New clients per second that just saturate the server.
  bool bracketed = false;       ///< Between a rate it carried and one it did not.
  bool client_limited = false;  ///< The generator ended before the server did: an estimate from below.
};

/// Of a search that has ended; rate 0 when nothing was learnt. Within the bracket the CPU
/// that the last carried rate used tells where; when it is not known, it is the geometric middle, or the last
/// carried rate where the generator was the limit.
Saturation saturation_of(const std::vector<Probe>& probes);

}  // namespace sluice::loadgen::lab
