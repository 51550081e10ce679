#include "apps/auction/store/postgresql/url.hpp"

#include <libpq-fe.h>

#include <boost/asio/ip/address.hpp>
#include <cstdlib>
#include <map>
#include <memory>
#include <stdexcept>

#include "base/handle.hpp"

namespace sluice::auction::postgresql {

namespace {

constexpr std::string_view kSchemes[] = {"postgresql://", "postgres://"};

std::string_view scheme_of(std::string_view text) noexcept {
  for (const std::string_view scheme : kSchemes) {
    if (text.starts_with(scheme)) return scheme;
  }
  return {};
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (std::size_t comma; (comma = list.find(',', begin)) != list.npos; begin = comma + 1) {
    parts.push_back(list.substr(begin, comma - begin));
  }
  parts.push_back(list.substr(begin));
  return parts;
}

/// The n-th of a list that has one element for all, or one for each.
std::string nth(const std::vector<std::string>& list, std::size_t n) {
  return list.size() == 1 ? list.front() : list.at(n);
}

std::vector<Endpoint> endpoints_of(const std::string& hosts, const std::string& addresses,
                                   const std::string& ports) {
  const auto host = split(hosts), address = split(addresses), port = split(ports);
  const std::size_t count = std::max(host.size(), address.size());
  const auto fits = [count](const std::vector<std::string>& list) {
    return list.size() == 1 || list.size() == count;
  };
  if (!fits(host) || !fits(address) || !fits(port)) {
    throw std::runtime_error(
        "the URL of the database has more hosts than ports or addresses, or the reverse");
  }
  std::vector<Endpoint> endpoints;
  for (std::size_t n = 0; n < count; ++n) endpoints.push_back({nth(host, n), nth(address, n), nth(port, n)});
  return endpoints;
}

}  // namespace

bool is_url(std::string_view text) noexcept { return !scheme_of(text).empty(); }

std::string without_password(std::string_view url) {
  const std::size_t scheme = url.find("://");
  std::string out{url};
  if (scheme == url.npos) return out;
  // Up to the last @ of all: a password that was not encoded may hold any character. Rather too much than too
  // little.
  const std::size_t at = out.rfind('@'), colon = out.find(':', scheme + 3);
  if (at != out.npos && colon < at) out.replace(colon + 1, at - colon - 1, "***");
  for (const std::string_view key : {"?password=", "&password=", "?sslpassword=", "&sslpassword="}) {
    for (std::size_t found = 0; (found = out.find(key, found)) != out.npos;) {
      found += key.size();
      out.replace(found, std::min(out.find('&', found), out.size()) - found, "***");
    }
  }
  return out;
}

bool Endpoint::is_name() const noexcept {
  if (!address.empty() || host.empty() || host.front() == '/' || host.front() == '@') return false;
  boost::system::error_code error;
  boost::asio::ip::make_address(host, error);
  return error.failed();
}

Target parse_url(const std::string& url, std::string_view wanted) {
  char* message = nullptr;
  const Handle<PQconninfoOption, PQconninfoFree> parsed(PQconninfoParse(url.c_str(), &message));
  const Handle<char, PQfreemem> owned(message);
  // Not libpq's words: they may quote the URL with its password.
  if (!parsed) throw std::runtime_error("the URL of the database can't be read: " + without_password(url));
  std::map<std::string, std::string> given;
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) given[option->keyword] = option->val;
  }
  const auto take = [&given](const char* keyword) {
    const auto node = given.extract(keyword);
    return node.empty() ? std::string{} : node.mapped();
  };
  Target target;
  const std::string host = take("host"), address = take("hostaddr"), port = take("port");
  target.endpoints = endpoints_of(host, address, port);
  if (const int seconds = std::atoi(take("connect_timeout").c_str()); seconds > 0) {
    target.connect_timeout = std::chrono::seconds{seconds};
  }
  std::string attributes = take("target_session_attrs");
  if (attributes.empty()) attributes = wanted;
  if (attributes == "prefer-standby") {
    target.wanted = {"standby", "any"};
  } else {
    target.wanted = {attributes};
  }
  target.options.assign(given.begin(), given.end());
  return target;
}

}  // namespace sluice::auction::postgresql
