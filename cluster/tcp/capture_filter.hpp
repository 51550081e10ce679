#pragma once
#include <set>

#include "cluster/tcp/flow.hpp"

/// A filter of classic BPF, which every kernel has: the flows are written into it.
namespace sluice::cluster::tcp {

/// A filter has at most 4096 instructions.
inline constexpr std::size_t kFilteredMax = 128;

/// The packet socket sees frames from the clients of these flows only, at most kFilteredMax. False: the
/// kernel does not take it.
bool attach_filter(int packet_socket, const std::set<Flow>& flows) noexcept;

}  // namespace sluice::cluster::tcp
