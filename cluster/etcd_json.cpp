#include "cluster/etcd_json.hpp"

#include <charconv>
#include <optional>

#include <openssl/evp.h>
#include <boost/json.hpp>

#include "cluster/addresses.hpp"

namespace sluice::cluster::etcd {

namespace json = boost::json;

namespace {

constexpr std::size_t kReasonMax = 200;  // of a foreign text that is shown

const auto* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());  // the interface of OpenSSL
}

std::string base64(std::string_view text) {
  std::string out(4 * ((text.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(text),
                                   static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0 || text.find_first_of(" \t\r\n") != std::string_view::npos) return std::nullopt;
  const auto padding = text.size() - std::min(text.size(), text.find_last_not_of('=') + 1);
  if (padding > 2 || text.find('=') < text.size() - padding) return std::nullopt;
  std::string out(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(text),
                                   static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  out.resize(static_cast<std::size_t>(size) - padding);
  return out;
}

/// The first key after all that begin with `prefix`; "\0" means to the end (api_reference_v3, range_end).
std::string end_of(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  if (prefix.empty()) return std::string(1, '\0');
  ++prefix.back();
  return prefix;
}

Trouble malformed(std::string_view what) {
  return {Looked::malformed, "etcd's answer is malformed: " + std::string(what)};
}

std::string printable(std::string_view text) {
  std::string out(text.substr(0, kReasonMax));
  for (char& c : out) c = (c < ' ' || c > '~') ? '?' : c;
  return out;
}

/// A number, as text or not; 0 when it is missing.
std::optional<std::int64_t> number(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  if (value == nullptr) return 0;
  if (const auto* const plain = value->if_int64()) return *plain;
  const json::string* const text = value->if_string();
  std::int64_t read = 0;
  if (text == nullptr || text->empty()) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), read);
  if (error != std::errc{} || end != text->data() + text->size()) return std::nullopt;
  return read;
}

std::optional<std::string> bytes(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  if (value == nullptr) return std::string();
  const json::string* const text = value->if_string();
  return text == nullptr ? std::nullopt : from_base64(*text);
}

bool flag(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

/// An error in etcd's own words: of a request {"error": text}, in a stream {"error": {"message": text}}.
std::optional<Trouble> refused(const json::object& answer) {
  const json::value* error = answer.if_contains("error");
  if (error == nullptr) return std::nullopt;
  if (const auto* const object = error->if_object()) error = object->if_contains("message");
  const json::string* const text = error == nullptr ? nullptr : error->if_string();
  return Trouble{Looked::failed, "etcd says: " + (text == nullptr ? "an error" : printable(*text))};
}

/// The object that is the answer, `member` of the whole in a stream.
Or<json::object> parse(std::string_view text, std::string_view member = {}) {
  json::error_code error;
  json::value whole = json::parse(text, error);
  if (error || !whole.is_object()) return malformed("it is not JSON");
  json::object& object = whole.get_object();
  if (auto trouble = refused(object)) return *std::move(trouble);
  if (member.empty()) return std::move(object);
  json::value* const inner = object.if_contains(member);
  if (inner == nullptr || !inner->is_object()) return malformed("there is no result");
  return std::move(inner->get_object());
}

std::optional<Entry> entry_of(const json::value& value) {
  const json::object* const object = value.if_object();
  if (object == nullptr) return std::nullopt;
  auto key = bytes(*object, "key");
  auto read = bytes(*object, "value");
  if (!key || key->empty() || !read) return std::nullopt;
  return Entry{*std::move(key), *std::move(read)};
}

std::optional<Change> change_of(const json::value& value) {
  const json::object* const object = value.if_object();
  const json::value* const kv = object == nullptr ? nullptr : object->if_contains("kv");
  if (kv == nullptr) return std::nullopt;
  auto entry = entry_of(*kv);
  if (!entry) return std::nullopt;
  const json::value* const type = object->if_contains("type");
  const bool gone = type != nullptr && type->is_string() && type->get_string() == "DELETE";
  if (!gone && type != nullptr && !(type->is_string() && type->get_string() == "PUT")) return std::nullopt;
  if (gone) entry->value.clear();
  return Change{gone, *std::move(entry)};
}

/// The elements of an array that may be missing.
template <class Element>
bool read_all(const json::object& object, std::string_view name, std::vector<Element>& out,
              std::optional<Element> (*read)(const json::value&)) {
  const json::value* const value = object.if_contains(name);
  if (value == nullptr) return true;
  if (!value->is_array()) return false;
  for (const json::value& element : value->get_array()) {
    auto one = read(element);
    if (!one) return false;
    out.push_back(*std::move(one));
  }
  return true;
}

}  // namespace

// What is said. ------------------------------------------------------------------------------------

std::string lease_grant(std::chrono::seconds ttl) {
  return json::serialize(json::object{{"TTL", std::to_string(ttl.count())}});
}

std::string lease(LeaseId id) { return json::serialize(json::object{{"ID", std::to_string(id)}}); }

std::string put(std::string_view key, std::string_view value, LeaseId lease) {
  return json::serialize(
      json::object{{"key", base64(key)}, {"value", base64(value)}, {"lease", std::to_string(lease)}});
}

std::string range(std::string_view prefix, std::size_t limit) {
  return json::serialize(json::object{{"key", base64(prefix)},
                                      {"range_end", base64(end_of(std::string(prefix)))},
                                      {"limit", std::to_string(limit)}});
}

std::string watch(std::string_view prefix, std::int64_t revision) {
  return json::serialize(
      json::object{{"create_request", json::object{{"key", base64(prefix)},
                                                   {"range_end", base64(end_of(std::string(prefix)))},
                                                   {"start_revision", std::to_string(revision)}}}});
}

// What is answered. --------------------------------------------------------------------------------

Or<LeaseId> read_grant(std::string_view text) {
  const auto answer = parse(text);
  if (!answer) return answer.error();
  const auto id = number(*answer, "ID");
  if (!id || *id == 0) return malformed("a lease without ID");
  return *id;
}

Or<std::chrono::seconds> read_keepalive(std::string_view text) {
  const auto answer = parse(text, "result");
  if (!answer) return answer.error();
  const auto ttl = number(*answer, "TTL");
  if (!ttl || *ttl < 0) return malformed("a lease's time to live");
  return std::chrono::seconds{*ttl};
}

Or<bool> read_done(std::string_view text) {
  const auto answer = parse(text);
  if (!answer) return answer.error();
  return true;
}

Or<Listing> read_range(std::string_view text) {
  const auto answer = parse(text);
  if (!answer) return answer.error();
  const json::value* const header = answer->if_contains("header");
  const auto revision =
      header != nullptr && header->is_object() ? number(header->get_object(), "revision") : 0;
  if (!revision || *revision <= 0) return malformed("a list without revision");
  Listing listing{.revision = *revision, .more = flag(*answer, "more")};
  if (!read_all(*answer, "kvs", listing.entries, entry_of)) return malformed("a list's entries");
  return listing;
}

Or<Watched> read_watch(std::string_view text) {
  const auto answer = parse(text, "result");
  if (!answer) return answer.error();
  Watched watched{.canceled = flag(*answer, "canceled")};
  if (!read_all(*answer, "events", watched.changes, change_of)) return malformed("a change");
  return watched;
}

// Where it is, and its lines. ----------------------------------------------------------------------

Or<Endpoint> parse_endpoint(std::string_view url) {
  const Trouble no{Looked::malformed,
                   "\"" + std::string(url) + "\" is not http://host:port or https://host:port"};
  const bool tls = url.starts_with("https://");
  if (!tls && !url.starts_with("http://")) return no;
  const auto address = split_address(url.substr(tls ? 8 : 7));
  if (!address) return no;
  return Endpoint{tls, address->host, address->port, std::string(url)};
}

bool Lines::add(std::string_view piece) {
  buffer_ += piece;
  const auto newest = buffer_.rfind('\n');
  return buffer_.size() - (newest == std::string::npos ? 0 : newest + 1) <= max_;
}

bool Lines::next(std::string& line) {
  for (auto end = buffer_.find('\n'); end != std::string::npos; end = buffer_.find('\n')) {
    line = buffer_.substr(0, end);
    buffer_.erase(0, end + 1);
    if (!line.empty()) return true;
  }
  return false;
}

}  // namespace sluice::cluster::etcd
