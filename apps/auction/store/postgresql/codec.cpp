#include "apps/auction/store/postgresql/codec.hpp"

#include "base/bytes.hpp"

namespace sluice::auction::postgresql {

Params::Lists Params::lists() const {
  Lists lists;
  lists.values.reserve(params_.size());
  lists.lengths.reserve(params_.size());
  lists.formats.reserve(params_.size());
  for (const Param& param : params_) {
    lists.values.push_back(param.null ? nullptr : param.bytes.c_str());
    lists.lengths.push_back(static_cast<int>(param.bytes.size()));
    lists.formats.push_back(param.binary ? 1 : 0);
  }
  return lists;
}

void Params::add(const std::vector<std::string>& list) {
  std::string out = "{";
  for (const std::string& bytes : list) {
    out.append(out.size() > 1 ? "," : "").append("\"\\\\x").append(to_hex(as_bytes(bytes))).append("\"");
  }
  params_.push_back({.bytes = out + '}'});
}

std::string_view sqlstate_of(const ResultHandle& result) noexcept {
  const char* const state = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
  return state != nullptr ? std::string_view{state} : std::string_view{};
}

void append_copy_field(std::string& line, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '\\': line += "\\\\"; break;
      case '\t': line += "\\t"; break;
      case '\n': line += "\\n"; break;
      case '\r': line += "\\r"; break;
      default: line += c;
    }
  }
}

}  // namespace sluice::auction::postgresql
