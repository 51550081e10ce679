#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/tcp/ingress.hpp"

/// What is said to nftables, and what it says. No I/O.
namespace sluice::cluster::tcp {

/// Table, sets and the chain that looks flows up; as often as one likes. `table`: "netdev NAME".
std::string nft_rules(const std::string& table, const std::string& interface, std::size_t most);
/// The chain of a member: what is redirected there goes to it.
std::string nft_member(const std::string& table, const Mac& member, const Interface& out,
                       const Lifetime& lifetime);
std::string nft_chain(const Mac& member);
std::string mac_text(const Mac& mac);
std::optional<Mac> mac_of_chain(std::string_view verdict);
/// Key of a flow in all sets.
std::string key_text(const Flow& flow);
/// Flows of a set as it is listed, with what they map to, if anything.
std::vector<std::pair<Flow, std::string>> nft_elements(std::string_view listing);

}  // namespace sluice::cluster::tcp
