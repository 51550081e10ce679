#include "apps/auction/store/populate/shop_words.hpp"

#include <array>

namespace sluice::auction::population {

namespace {

struct Line {
  std::string_view qualities, products, details;  // separated by '|'
};

constexpr std::array kLines{
    Line{"Walnut|Gilded|Georgian|Hand-carved|Lacquered|Provincial|Rosewood|Art-deco",
         "mantel clock|writing desk|landscape in oils|candlestick pair|portrait miniature|side table|folding "
         "screen|"
         "looking glass|tea caddy|marine watercolour|bookcase|bronze heron",
         "restored|with provenance|late 19th century|signed|from an estate|original finish"},
    Line{"Illustrated|Leather-bound|Annotated|Pocket|Complete|Collected|Abridged|Large-print",
         "atlas of northern rivers|history of bridges|garden almanac|lighthouse stories|guide to mushrooms|"
         "sea voyages|book of fairy tales|cookery for two|mystery at Quill House|field notes on birds|chess "
         "primer|"
         "poems of the harbour",
         "first edition|two volumes|with dust jacket|like new|signed by the author|1962 printing"},
    Line{"Heavy-duty|Refurbished|Adjustable|Industrial|Stackable|Steel|Compact|Silent",
         "drafting table|label printer|pallet scale|filing cabinet|swivel chair|bench vice|shelving unit|"
         "receipt printer|whiteboard|tool trolley|conference phone|paper cutter",
         "box of ten|warehouse clearance|with manual|tested|little used|self-collection possible"},
    Line{"Waxed|Merino|Linen|Quilted|Corduroy|Silk|Tailored|Striped",
         "field jacket|crew-neck jumper|summer dress|waistcoat|evening scarf|rain coat|pyjama set|riding "
         "boots|"
         "felt hat|walking socks|messenger bag|wrap skirt",
         "size M|size L|worn twice|new with tags|size S|dry-cleaned"},
    Line{"Silver|Bronze|Commemorative|Uncirculated|Hammered|Proof|Trade|Colonial",
         "crown|half-penny|guilder|ducat|thaler|token|florin|medal set|farthing|rupee|groat|drachma",
         "in capsule|fine condition|with certificate|1887|album of twelve|rare mint mark"},
    Line{"Vintage|Enamel|Limited|Tin-plate|Early|Numbered|Framed|Promotional",
         "railway badge|advertising sign|postcard album|snow globe|pocket knife|fountain pen|matchbox set|"
         "circus poster|theatre programme|cap badge|paperweight|pin collection|music box|thimble set",
         "in display case|mint|barn find|set of six|original box|1930s"},
    Line{"Rugged|Mechanical|Portable|Quiet|Rack-mount|Wireless|Dual-boot|Overhauled",
         "notebook|keyboard|monitor 24\"|tape drive|network switch|trackball|mini server|graphics card|"
         "memory kit 16 GB|docking station|dot-matrix printer|home computer",
         "fully working|with charger|new battery|boxed|for parts|two years of warranty"},
    Line{"Valve|Cordless|Stereo|Digital|High-fidelity|Waterproof|Shortwave|Noise-cancelling",
         "amplifier|table radio|headphones|record player|voice recorder|bookshelf speakers|alarm "
         "clock|cassette deck|"
         "weather station|projector|walkie-talkie pair|universal remote",
         "serviced|with remote|warm sound|in walnut case|one owner|with spare parts"},
    Line{"Jointed|Mohair|Porcelain|Miniature|Hand-sewn|Antique|Button-eyed|Straw-filled",
         "teddy bear|doll in travelling dress|doll's house|grizzly family|rag doll|panda|baby doll|bear in "
         "uniform|"
         "doll's pram|harlequin|polar bear|set of doll's clothes",
         "with growler|one of 500|loved but whole|with stand|35 cm|tagged"},
    Line{"Cast-iron|Terracotta|Oak|Enamelled|Hand-woven|Copper|Folding|Galvanised",
         "casserole|planter|garden bench|watering can|wool rug|kettle|deck chair|bird house|herb "
         "rack|wheelbarrow|"
         "floor lamp|bread bin",
         "seasoned|for balcony and terrace|frost-proof|pair|hardly used|made to last"},
    Line{"Sapphire|Gold-plated|Automatic|Garnet|Sterling|Pearl|Chronograph|Opal",
         "ring|wrist watch|pendant|ear studs|bracelet|brooch|pocket watch|cuff links|necklace|dress "
         "watch|anklet|"
         "signet ring",
         "hallmarked|in gift box|recently serviced|adjustable|from the 1950s|with papers"},
    Line{"Restored|Widescreen|Director's cut of|Boxed|Subtitled|Remastered|Complete|Rare print of",
         "The Lantern Keepers|Midnight at Platform Nine|Harbour Lights|The Cartographer's Daughter|Winter "
         "Parade|"
         "Two Tickets to Nowhere|The Glass Orchard|Inspector Vale, season one|A Kite for Tomorrow|Salt and "
         "Thunder|"
         "The Long Ferry|Papermoon Street",
         "with booklet|region free|sealed|lobby card included|two discs|as broadcast"},
    Line{"Twelve-string|Second-hand|Studio|Maple|Signed|Brass|Concert|Half-size",
         "guitar|violin|accordion|vinyl record 'Slow Rivers'|clarinet|drum kit|mandolin|digital piano|"
         "sheet music bundle|ukulele|trumpet|mixing desk",
         "with hard case|new strings|well in tune|played weekly|beginner friendly|180 g pressing"},
    Line{"Medium-format|Rangefinder|Wide-angle|Folding|Instant|Fast|Macro|Battery-free",
         "camera|lens 50 mm|tripod|light meter|darkroom enlarger|flash unit|camera bag|slide "
         "projector|filter set|"
         "telephoto lens|negative scanner|bellows",
         "film tested|clear glass|with strap|cosmetically fair|in leather case|smooth focus"},
    Line{"Salt-glazed|Cobalt|Hand-thrown|Crystal|Studio|Iridescent|Stoneware|Pressed-glass",
         "vase|teapot|fruit bowl|decanter|set of tumblers|jug|charger plate|butter dish|cake stand|beaker "
         "pair|"
         "tile panel|lidded jar",
         "no chips|potter's mark|for everyday use|hairline on the base|height 24 cm|from a studio sale"},
    Line{"Carbon|Signed|Junior|Touring|Waterproof|Lightweight|Competition|Vintage",
         "road bike|tennis racket|kayak paddle|running shoes|climbing harness|football shirt|golf "
         "bag|sleeping bag|"
         "rowing machine|cricket bat|ski set|boxing gloves|fishing reel|tent for three",
         "ridden one season|size 42|new grip|club edition|with pump|ready for the season"},
    Line{
        "Mint|Overprinted|Airmail|Perforated|Commemorative|First-day|Unhinged|Classic",
        "penny blue|block of four|cover to Valparaiso|set of birds|definitives|railway issue|miniature sheet|"
        "stock book|airship cover|postal history lot|lighthouse series|proof sheet",
        "full gum|clean cancel|expertised|album page|1936|catalogue enclosed"},
    Line{"Two-day|Weekend|Open-air|Second-class|Front-row|Family|Off-season|Guided",
         "ferry crossing|opera evening|rail pass|city break in Porto|museum card|jazz night|lake cabin stay|"
         "mountain hut booking|river cruise|theatre seats|balloon ride|cycling tour",
         "for two|date of your choice|transferable|with breakfast|children go free|valid for a year"},
    Line{"Wooden|Clockwork|Radio-controlled|Painted|Modular|Educational|Giant|Pocket",
         "train set|robot|jigsaw of 1,000 pieces|kite|building bricks|puppet theatre|spinning top|chess set|"
         "marble run|model steam engine|sailing boat|puzzle box|magic lantern|card game 'Foxes & Geese'",
         "complete|ages 6 and up|instructions included|tested with children|never built|original key"},
    Line{"Curious|Assorted|Handmade|Surprising|Useful|Odd|Practical|Forgotten",
         "box from the attic|weather vane|barometer|ship in a bottle|brass telescope|seed collection|travel "
         "trunk|"
         "sign for a pub|globe|hourglass|collection of keys|beekeeper's veil",
         "as found|please read|sold as seen|a good present|you will want it|last one"},
};

constexpr std::string_view kMakers =
    "Harrow & Finch|Oldbridge|Tallis|Merriweather|Bruno Kessel|Novak Bros.|Larkspur|Dunmore|Quill "
    "House|Ostend Works|"
    "Pellam|Vidal & Sons|Northlight|Casa Ferro|Wren Street|Ashgrove|Lindqvist|Marlow|Petrel|Ives & Daughter";

std::vector<std::string_view> split(std::string_view list) {
  std::vector<std::string_view> parts;
  while (!list.empty()) {
    const auto end = list.find('|');
    parts.push_back(list.substr(0, end));
    list.remove_prefix(end == list.npos ? list.size() : end + 1);
  }
  return parts;
}

}  // namespace

const std::vector<ShopWords>& shop_words() {
  static const std::vector<ShopWords> words = [] {
    std::vector<ShopWords> all;
    for (const Line& line : kLines)
      all.push_back({split(line.qualities), split(line.products), split(line.details)});
    return all;
  }();
  return words;
}

const std::vector<std::string_view>& shop_makers() {
  static const std::vector<std::string_view> makers = split(kMakers);
  return makers;
}

}  // namespace sluice::auction::population
