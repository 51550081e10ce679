#include "apps/auction/web/pictures.hpp"

#include <array>

#include "apps/auction/web/numbers.hpp"

namespace sluice::auction::web {

namespace {

constexpr std::string_view kPrefix = "/pictures/1/";
constexpr std::string_view kSuffix = ".svg";

/// One per category of RUBiS, in their order; drawn round the origin within 100 units. @d, @m, @l and @a
/// stand for the dark, middle, light and accent colour.
constexpr std::
    array<std::string_view, 20>
        kMotifs{
            // Antiques & Art: a framed landscape
            R"(<rect x="-95" y="-75" width="190" height="150" rx="4" fill="@d"/><rect x="-80" y="-60" width="160" height="120" fill="@l"/><circle cx="38" cy="-22" r="18" fill="@a"/><path d="M-80 60v-34l46-46 40 44 26-22 48 40v18z" fill="@m"/>)",
            // Books
            R"(<rect x="-85" y="-70" width="38" height="140" rx="4" fill="@d"/><rect x="-43" y="-84" width="30" height="154" rx="4" fill="@m"/><rect x="-9" y="-62" width="42" height="132" rx="4" fill="@a"/><path d="M42-66l36-10 38 134-36 12z" fill="@d"/><path d="M-78-46h24M-78-36h24M-36-58h16M-1-38h26M-1-28h26" stroke="@l" stroke-width="5"/>)",
            // Business, Office & Industrial: a briefcase
            R"(<path d="M-32-40v-22q0-12 12-12h40q12 0 12 12v22" fill="none" stroke="@d" stroke-width="12"/><rect x="-95" y="-42" width="190" height="112" rx="12" fill="@m"/><path d="M-95 8h190" stroke="@d" stroke-width="8"/><rect x="-14" y="-6" width="28" height="28" rx="5" fill="@a"/>)",
            // Clothing & Accessories: a shirt
            R"(<path d="M-40-78q40 28 80 0l54 34-24 46-26-14v90h-88v-90l-26 14-24-46z" fill="@m"/><path d="M-40-78q40 28 80 0l-8-5q-32 20-64 0z" fill="@d"/><path d="M-44 20h88v18h-88z" fill="@a"/>)",
            // Coins
            R"(<circle cx="-38" cy="24" r="52" fill="@d"/><circle cx="-38" cy="24" r="40" fill="@m"/><circle cx="34" cy="-18" r="62" fill="@d"/><circle cx="34" cy="-18" r="50" fill="@a"/><path d="M34-54l10 24 26 2-20 17 7 25-23-14-23 14 7-25-20-17 26-2z" fill="@l"/>)",
            // Collectibles: a cup
            R"(<path d="M-56-76h112v44q0 58-56 62-56-4-56-62z" fill="@a"/><path d="M-56-62h-30q0 54 40 54M56-62h30q0 54-40 54" fill="none" stroke="@m" stroke-width="11"/><path d="M-8 26h16v28h-16zM-46 54h92v22h-92z" fill="@d"/><path d="M-34-60q0 40 14 56" stroke="@l" stroke-width="9" fill="none"/>)",
            // Computers: a screen
            R"(<rect x="-95" y="-80" width="190" height="122" rx="10" fill="@d"/><rect x="-83" y="-68" width="166" height="98" fill="@l"/><path d="M-16 42h32l6 24h-44zM-50 66h100v12h-100z" fill="@m"/><path d="M-66-46h52M-66-26h82M-50-6h60M-66 14h36" stroke="@m" stroke-width="8"/><rect x="30" y="-52" width="36" height="36" fill="@a"/>)",
            // Consumer Electronics: a radio
            R"(<path d="M20-50l52-40" stroke="@d" stroke-width="7"/><rect x="-98" y="-52" width="196" height="120" rx="16" fill="@m"/><circle cx="-44" cy="8" r="42" fill="@d"/><circle cx="-44" cy="8" r="24" fill="@a"/><rect x="14" y="-30" width="66" height="30" rx="4" fill="@l"/><circle cx="30" cy="36" r="12" fill="@d"/><circle cx="66" cy="36" r="12" fill="@d"/>)",
            // Dolls & Bears
            R"(<circle cx="-56" cy="-50" r="32" fill="@d"/><circle cx="56" cy="-50" r="32" fill="@d"/><circle cx="-56" cy="-50" r="16" fill="@a"/><circle cx="56" cy="-50" r="16" fill="@a"/><circle r="80" fill="@m"/><ellipse cy="26" rx="36" ry="28" fill="@l"/><circle cx="-30" cy="-18" r="8" fill="@d"/><circle cx="30" cy="-18" r="8" fill="@d"/><ellipse cy="14" rx="13" ry="9" fill="@d"/>)",
            // Home & Garden: a plant
            R"(<path d="M0 20q-8-60-64-70 2 62 64 70zM0 20q8-80 64-94 4 78-64 94z" fill="@m"/><path d="M0 20q-4-50 0-104 26 50 0 104z" fill="@d"/><path d="M-52 14h104l-14 74h-76z" fill="@a"/><path d="M-60 6h120v20h-120z" fill="@d"/>)",
            // Jewelry, Gems & Watches
            R"(<path d="M-84-24l40-50h88l40 50-84 102z" fill="@m"/><path d="M-84-24h168l-84 102z" fill="@a"/><path d="M-36-24l36-50 36 50-36 102z" fill="@l"/><path d="M-44-74l8 50m80-50l-8 50M-84-24h168" stroke="@d" stroke-width="4" fill="none"/>)",
            // Movies & Television: a clapperboard
            R"(<path d="M-94-30l184-40-7-30-184 40z" fill="@d"/><path d="M-60-38l24-33m22 22l24-33m22 23l24-33" stroke="@l" stroke-width="13"/><rect x="-94" y="-26" width="188" height="104" rx="6" fill="@m"/><path d="M-18-2l48 28-48 28z" fill="@a"/>)",
            // Music: a record
            R"(<circle r="90" fill="@d"/><circle r="72" fill="none" stroke="@m" stroke-width="3"/><circle r="56" fill="none" stroke="@m" stroke-width="3"/><circle r="34" fill="@a"/><circle r="7" fill="@l"/><path d="M60-92l34 10-22 84-14 6z" fill="@m"/>)",
            // Photo: a camera
            R"(<path d="M-36-66h72l12 24h-96z" fill="@d"/><rect x="-98" y="-46" width="196" height="120" rx="14" fill="@m"/><circle cy="14" r="48" fill="@d"/><circle cy="14" r="34" fill="@l"/><circle cy="14" r="20" fill="@a"/><rect x="58" y="-32" width="26" height="16" rx="4" fill="@l"/>)",
            // Pottery & Glass: a vase
            R"(<path d="M-26-88h52l-8 32q56 34 48 88-6 46-66 46t-66-46q-8-54 48-88z" fill="@m"/><path d="M-66 8q66 34 132 0v22q-66 34-132 0z" fill="@a"/><path d="M-30-88h60v12h-60z" fill="@d"/><path d="M-42-8q6-22 22-34" stroke="@l" stroke-width="8" fill="none"/>)",
            // Sports: a ball
            R"(<circle r="88" fill="@l"/><path d="M0-34l33 24-13 38h-40l-13-38z" fill="@d"/><path d="M0-34v-54M33-10l50-18M20 28l32 44M-20 28l-32 44M-33-10l-50-18" stroke="@m" stroke-width="8"/><circle r="84" fill="none" stroke="@m" stroke-width="8"/>)",
            // Stamps
            R"(<rect x="-78" y="-92" width="156" height="184" fill="@l" stroke="@l" stroke-width="14" stroke-dasharray="14 9"/><rect x="-62" y="-76" width="124" height="152" fill="@m"/><circle cy="-14" r="36" fill="@a"/><path d="M-62 76v-24q62-40 124 0v24z" fill="@d"/>)",
            // Tickets & Travel
            R"(<path d="M-100-46h200v30a16 16 0 0 0 0 32v30h-200v-30a16 16 0 0 0 0-32z" fill="@m"/><path d="M46-40v80" stroke="@l" stroke-width="5" stroke-dasharray="9 8"/><path d="M-72 22l34-50 24 32 14-16 28 34z" fill="@d"/><circle cx="18" cy="-24" r="11" fill="@a"/>)",
            // Toys & Hobbies: blocks
            R"(<rect x="-88" y="-2" width="84" height="84" rx="6" fill="@m"/><rect x="4" y="-2" width="84" height="84" rx="6" fill="@d"/><rect x="-42" y="-90" width="84" height="84" rx="6" fill="@a"/><circle cx="-46" cy="40" r="22" fill="@l"/><path d="M46 18l24 42h-48z" fill="@l"/><rect x="-18" y="-66" width="36" height="36" fill="@l"/>)",
            // Everything Else: a parcel
            R"(<path d="M-88-30l88-44 88 44v78l-88 44-88-44z" fill="@m"/><path d="M-88-30l88 44v78l-88-44z" fill="@d"/><path d="M-88-30l88-44 88 44-88 44z" fill="@a"/><path d="M-44-52l88 44v30" fill="none" stroke="@l" stroke-width="10"/>)",
        };

/// Spreads the bits of an id (the finalizer of MurmurHash3): neighbours look different.
std::uint64_t mixed(std::uint64_t x) noexcept {
  x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdULL;
  x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53ULL;
  return x ^ (x >> 33);
}

std::string hsl(std::uint64_t hue, int saturation, int lightness) {
  return "hsl(" + std::to_string(hue % 360) + ',' + std::to_string(saturation) + "%," +
         std::to_string(lightness) + "%)";
}

struct Palette {
  std::string dark, middle, light, accent;
};

void append_motif(std::string& out, std::string_view motif, const Palette& palette) {
  for (std::size_t i = 0; i < motif.size(); ++i) {
    if (motif[i] != '@') {
      out += motif[i];
      continue;
    }
    switch (motif[++i]) {
      case 'd': out += palette.dark; break;
      case 'm': out += palette.middle; break;
      case 'l': out += palette.light; break;
      default: out += palette.accent; break;
    }
  }
}

}  // namespace

std::string picture_path(Id item, Id category) {
  return std::string{kPrefix} + std::to_string(category) + '/' + std::to_string(item) + std::string{kSuffix};
}

std::optional<PictureOf> picture_of(std::string_view path) noexcept {
  if (!path.starts_with(kPrefix) || !path.ends_with(kSuffix)) return std::nullopt;
  path.remove_prefix(kPrefix.size());
  if (path.size() < kSuffix.size()) return std::nullopt;
  path.remove_suffix(kSuffix.size());
  const auto slash = path.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto category = parse_integer(path.substr(0, slash));
  const auto item = parse_integer(path.substr(slash + 1));
  if (!category || !item) return std::nullopt;
  return PictureOf{.item = *item, .category = *category};
}

std::string picture(const PictureOf& what) {
  const auto category = static_cast<std::uint64_t>(what.category);
  const std::uint64_t random = what.item == 0 ? 0x8080'8080 : mixed(static_cast<std::uint64_t>(what.item));
  const auto part = [random](int shift, std::uint64_t below) {
    return (random >> shift & 255) * below / 256;
  };

  // Hues of neighbouring categories lie a golden angle apart; items move round theirs a little.
  const std::uint64_t hue = category * 137 + 345 + part(0, 44);
  const Palette palette{.dark = hsl(hue, 34, 26),
                        .middle = hsl(hue, 42, 47),
                        .light = hsl(hue, 50, 95),
                        .accent = hsl(hue + 140 + part(8, 80), 52, 60)};
  std::string svg =
      R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 300"><defs><linearGradient id="g" )"
      R"(x2="1" y2="1"><stop stop-color=")" +
      hsl(hue, 44, 90) + R"("/><stop offset="1" stop-color=")" + hsl(hue + 30, 40, 74) +
      R"svg("/></linearGradient></defs><rect width="400" height="300" fill="url(#g)"/>)svg";
  svg += "<circle cx=\"" + std::to_string(part(16, 400)) + "\" cy=\"" + std::to_string(part(24, 300)) +
         "\" r=\"" + std::to_string(70 + part(32, 80)) + R"(" fill="#fff" opacity=".22"/>)";
  svg +=
      R"(<ellipse cx="200" cy="248" rx="104" ry="11" opacity=".14"/><g transform="translate(200 150) rotate()" +
      std::to_string(static_cast<int>(part(40, 13)) - 6) + ")\">";
  append_motif(svg, kMotifs[(category + kMotifs.size() - 1) % kMotifs.size()], palette);
  svg += "</g></svg>";
  return svg;
}

}  // namespace sluice::auction::web
