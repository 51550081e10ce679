#include "cluster/tcp/nft_text.hpp"

#include <algorithm>
#include <sstream>

namespace sluice::cluster::tcp {

namespace {

struct Family {
  const char* number;
  const char* type;
  const char* key;
  const char* ttl;
};
constexpr Family kFamilies[] = {
    {"4", "ipv4_addr", "ip saddr . tcp sport . ip daddr . tcp dport", "ip ttl"},
    {"6", "ipv6_addr", "ip6 saddr . tcp sport . ip6 daddr . tcp dport", "ip6 hoplimit"},
};
constexpr std::string_view kChain = "to_";

std::string host_text(const Endpoint& endpoint) {
  const std::string whole = text_of(endpoint);
  const std::string host = whole.substr(0, whole.rfind(':'));
  return host.front() == '[' ? host.substr(1, host.size() - 2) : host;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\n") - first + 1);
}

/// "10.0.0.1 . 40000 . 10.0.0.2 . 443 timeout 1m expires 3s : goto to_..."
std::optional<std::pair<Flow, std::string>> element_of(std::string_view text) {
  std::istringstream words{std::string(text)};
  std::string client, client_port, local, local_port, dot, word, verdict;
  words >> client >> dot >> client_port >> dot >> local >> dot >> local_port;
  const bool v6 = client.find(':') != std::string::npos;
  const auto whole = [&](const std::string& host, const std::string& port) {
    return endpoint_of(v6 ? "[" + host + "]:" + port : host + ":" + port);
  };
  const auto from = whole(client, client_port), to = whole(local, local_port);
  while (words >> word) verdict = word;
  if (!from || !to) return std::nullopt;
  return std::pair{Flow{*from, *to}, verdict};
}

}  // namespace

std::string mac_text(const Mac& mac) {
  std::string text;
  for (const std::uint8_t byte : mac) text += (text.empty() ? "" : ":") + to_hex({&byte, 1});
  return text;
}

std::string nft_rules(const std::string& table, const std::string& interface, std::size_t most) {
  std::ostringstream out;
  out << "add table " << table << "\n";
  for (const Family& family : kFamilies) {
    const std::string key = std::string(family.type) + " . inet_service . " + family.type + " . inet_service";
    out << "add map " << table << " redirects" << family.number << " { type " << key
        << " : verdict; flags timeout; size " << most << "; }\n";
    for (const char* set : {"holds", "seen", "ended"}) {
      out << "add set " << table << " " << set << family.number << " { type " << key
          << "; flags dynamic, timeout; size " << most << "; }\n";
    }
    out << "add set " << table << " back" << family.number << " { type ether_addr . " << key
        << "; flags timeout; size " << most << "; }\n";
  }
  out << "add chain " << table << " ingress { type filter hook ingress device \""
      << interface << "\" priority 0; policy accept; }\nflush chain " << table << " ingress\n";
  for (const Family& family : kFamilies) {
    out << "add rule " << table << " ingress ether saddr . " << family.key << " @back" << family.number
        << " drop\n";
    out << "add rule " << table << " ingress " << family.key << " vmap @redirects" << family.number << "\n";
    out << "add rule " << table << " ingress " << family.key << " @holds" << family.number << " drop\n";
  }
  return out.str();
}

/// As the BPF program does it (bpf_programs.hpp).
std::string nft_member(const std::string& table, const Mac& member, const Interface& out_interface,
                       const Lifetime& lifetime) {
  const std::string chain = nft_chain(member), away = "away_" + chain.substr(kChain.size());
  std::ostringstream out;
  for (const auto& name : {away, chain}) {
    out << "add chain " << table << " " << name << "\nflush chain " << table << " " << name << "\n";
  }
  out << "add rule " << table << " " << away << " ether saddr set " << mac_text(out_interface.mac)
      << " ether daddr set " << mac_text(member) << " fwd to \"" << out_interface.name << "\"\n";
  const std::string rule = "add rule " + table + " " + chain + " ";
  for (const Family& family : kFamilies) {
    const std::string key = family.key, number = family.number;
    const std::string idle = std::to_string(lifetime.idle.count()) + "ms";
    const std::string linger = std::to_string(lifetime.linger.count()) + "ms";
    const std::string closes = "tcp flags & (fin | rst) != 0 ";
    out << rule << closes << "update @ended" << number << " { " << key << " timeout " << linger << " }\n";
    out << rule << key << " @ended" << number << " update @seen" << number << " { " << key << " timeout "
        << linger << " }\n";
    out << rule << key << " != @ended" << number << " update @seen" << number << " { " << key << " timeout "
        << idle << " }\n";
    for (int ttl = 32; ttl > 0; ttl -= 4) {
      out << rule << family.ttl << " > " << ttl << " " << family.ttl << " set " << ttl << " goto " << away
          << "\n";
    }
  }
  out << rule << "drop\n";
  return out.str();
}

std::string nft_chain(const Mac& member) { return std::string(kChain) + to_hex(member); }

std::optional<Mac> mac_of_chain(std::string_view verdict) {
  if (!verdict.starts_with(kChain)) return std::nullopt;
  const auto bytes = from_hex(verdict.substr(kChain.size()));
  Mac mac{};
  if (!bytes || bytes->size() != mac.size()) return std::nullopt;
  std::ranges::transform(*bytes, mac.begin(), [](char c) { return static_cast<std::uint8_t>(c); });
  return mac;
}

std::string key_text(const Flow& flow) {
  return host_text(flow.client) + " . " + std::to_string(flow.client.port) + " . " + host_text(flow.local) +
         " . " + std::to_string(flow.local.port);
}

std::vector<std::pair<Flow, std::string>> nft_elements(std::string_view listing) {
  std::vector<std::pair<Flow, std::string>> found;
  const auto begin = listing.find("elements = {");
  if (begin == std::string_view::npos) return found;
  listing.remove_prefix(begin + std::string_view("elements = {").size());
  listing = listing.substr(0, listing.find('}'));
  while (!listing.empty()) {
    const auto comma = listing.find(',');
    if (auto element = element_of(trimmed(listing.substr(0, comma)))) found.push_back(*std::move(element));
    listing = comma == std::string_view::npos ? std::string_view{} : listing.substr(comma + 1);
  }
  return found;
}

}  // namespace sluice::cluster::tcp
