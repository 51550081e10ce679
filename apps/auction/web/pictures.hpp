#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "apps/auction/store/domain.hpp"

/// Pictures of items, drawn instead of photographed: the category gives the motif and the family of colours,
/// the item varies them. The same path always shows the same picture.
namespace sluice::auction::web {

/// "/pictures/1/<category>/<item>.svg"; the 1 is the version of the drawing, since browsers keep it for ever.
std::string picture_path(Id item, Id category);

struct PictureOf {
  Id item = 0;
  Id category = 0;
};
std::optional<PictureOf> picture_of(std::string_view path) noexcept;

/// An SVG document of some 1.5 KB.
std::string picture(const PictureOf& what);

}  // namespace sluice::auction::web
