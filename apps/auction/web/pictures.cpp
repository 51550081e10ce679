#include "apps/auction/web/pictures.hpp"
#include "apps/auction/web/numbers.hpp"
namespace sluice::auction::web {
namespace {
constexpr std::string_view kPrefix = "/pictures/1/", kSuffix = ".svg";
}
std::string picture_path(Id item, Id category) {
  return std::string{kPrefix} + std::to_string(category) + '/' + std::to_string(item) + std::string{kSuffix};
}
std::optional<PictureOf> picture_of(std::string_view path) noexcept {
  if (!path.starts_with(kPrefix) || !path.ends_with(kSuffix) || path.size() < kPrefix.size() + kSuffix.size())
    return std::nullopt;
  path.remove_prefix(kPrefix.size());
  path.remove_suffix(kSuffix.size());
  const auto slash = path.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto category = parse_integer(path.substr(0, slash));
  const auto item = parse_integer(path.substr(slash + 1));
  if (!category || !item) return std::nullopt;
  return PictureOf{.item = *item, .category = *category};
}
std::string picture(const PictureOf& what) {
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 400 300\"><title>" +
         std::to_string(what.item) + "</title></svg>";
}
}  // namespace sluice::auction::web
