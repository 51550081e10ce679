#include "loadgen/options.hpp"

#include <array>

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "loadgen/error.hpp"
#include "loadgen/words.hpp"

namespace sluice::loadgen {

std::string Target::text() const { return "https://" + authority; }

Target Target::parse(const std::string& url) {
  const auto parsed = boost::urls::parse_uri(url);
  const std::string quoted = "--target \"" + url + "\" ";
  if (!parsed) throw UsageError(quoted + "is not a URL; one looks like https://127.0.0.1:8443.");
  if (parsed->scheme() != "https")
    throw UsageError(quoted + "is not https: this generator measures nothing else.");
  if (parsed->encoded_host().empty()) throw UsageError(quoted + "names no host.");
  if (parsed->has_port() &&
      (parsed->port_number() == 0 || std::string(parsed->port()) != std::to_string(parsed->port_number())))
    throw UsageError(quoted + "has no usable port.");
  if (parsed->encoded_resource() != "" && parsed->encoded_resource() != "/")
    throw UsageError(quoted + "goes beyond host and port; pages come from the model, or from --path.");
  Target target;
  target.host = parsed->host_type() == boost::urls::host_type::ipv6 ? parsed->host_address()
                                                                    : std::string(parsed->host());
  target.port = parsed->has_port() ? parsed->port_number() : 443;
  target.authority = std::string(parsed->encoded_host());
  if (target.port != 443) target.authority += ":" + std::to_string(target.port);
  return target;
}

Resume Resume::parse(const std::string& text) {
  static constexpr std::array<std::pair<std::string_view, Kind>, 5> kNames{{{"per-user", Kind::per_user},
                                                                            {"never", Kind::never},
                                                                            {"session-id", Kind::session_id},
                                                                            {"shared", Kind::shared},
                                                                            {"stale", Kind::stale}}};
  Resume resume;
  resume.text = text;
  for (const auto& [name, kind] : kNames) {
    if (text != name) continue;
    resume.kind = kind;
    return resume;
  }
  if (text.starts_with("ratio:")) {
    const auto ratio = parse_number(std::string_view(text).substr(6));
    resume.kind = Kind::ratio;
    resume.ratio = ratio.value_or(-1);
    if (resume.ratio >= 0 && resume.ratio <= 1) return resume;
    throw UsageError("--resume " + text + ": a ratio is a number from 0 to 1.");
  }
  if (text.starts_with("stale:")) {
    const auto age = parse_duration(std::string_view(text).substr(6));
    resume.kind = Kind::stale;
    if (!age) throw UsageError("--resume " + text + ": an age looks like stale:90s.");
    resume.age_s = *age;
    return resume;
  }
  throw UsageError("--resume " + text +
                   " is none of per-user, never, ratio:R, session-id, shared, stale, stale:AGE.");
}

std::string TlsOptions::text() const {
  std::string text = version == Version::v12 ? "1.2" : version == Version::v13 ? "1.3" : "1.2 or 1.3";
  if (!ciphers.empty()) text += ", " + ciphers;
  if (!groups.empty()) text += ", " + groups;
  return text;
}

Attack Attack::parse(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  std::string_view rate =
      colon == std::string::npos ? std::string_view{} : std::string_view(text).substr(colon + 1);
  if (rate.ends_with("/s")) rate.remove_suffix(2);
  Attack attack;
  attack.rate = parse_number(rate).value_or(0);
  if (!(attack.rate > 0 && attack.rate <= 1e6))
    throw UsageError("--attack " + text + ": it takes a kind and a rate, as in forged-ticket:100/s.");
  const auto name = std::string_view(text).substr(0, colon);
  for (std::size_t i = 0; i < kAttackNames.size(); ++i) {
    if (name != kAttackNames[i]) continue;
    attack.kind = static_cast<AttackKind>(i);
    return attack;
  }
  std::string known;
  for (const auto& kind : kAttackNames) known += (known.empty() ? "" : ", ") + std::string(kind);
  throw UsageError("--attack " + text + ": the kinds are " + known + ".");
}

std::string Attack::text() const { return std::string(kAttackNames[at(kind)]) + " " + typed(rate) + "/s"; }

}  // namespace sluice::loadgen
