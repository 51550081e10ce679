#pragma once
#include "cluster/tcp/flow.hpp"

namespace sluice::cluster::tcp {

inline Endpoint at(const char* text) { return endpoint_of(std::string_view(text)).value(); }

inline Flow flow_v4() { return {at("10.0.0.1:40000"), at("10.0.0.9:443")}; }
inline Flow flow_v6() { return {at("[2001:db8::1]:40000"), at("[2001:db8::9]:443")}; }

}  // namespace sluice::cluster::tcp
