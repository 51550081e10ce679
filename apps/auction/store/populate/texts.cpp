#include "apps/auction/store/populate/texts.hpp"

#include <array>
#include <initializer_list>
#include <string_view>

#include "apps/auction/store/populate/shop_words.hpp"

namespace sluice::auction::population {

namespace {

constexpr std::int64_t kDescriptionMax = 8192, kCommentMax = 2048;

// As long as the text of RUBiS' client, and with the same kinds of markup in it: pages have to escape it.
constexpr std::string_view kStock =
    "<h1>A word about this lot</h1><br>This text was <B>made by a machine</B> and describes nothing in "
    "particular. It "
    "is here because an auction without words would not weigh anything, and a server that is to be measured "
    "should "
    "have something to carry. <br>You may picture what you like: a chair with <B>three good legs</B>, a "
    "clock that's "
    "right twice a day, or the left half of a pair of gloves.<br><br><B>Condition.</B> It has been kept in a "
    "dry "
    "place, away from children, cats and direct sunlight. There's a scratch on one side, which does not show "
    "when that "
    "side is turned to the wall. All parts are present, and so are one or two that nobody could explain. "
    "<br><B>Shipping.</B> "
    "We pack with care and with yesterday's newspapers. Parcels leave on the first working day after the end "
    "of the "
    "auction, and go to any address that our postman can read. <br><br><B>Payment.</B> Money, please. The "
    "buyer has "
    "seven days; after that the lot goes to the next highest bidder, who's usually waiting by the door. "
    "<br><h1>Small "
    "print</h1>The seller has described this lot to the best of a generator's knowledge. Colours may differ "
    "from those "
    "on your screen, and the item may differ from those colours. Bids can't be taken back, so please count "
    "the digits "
    "before you press the button. <B>Good luck</B>, and don't forget to leave a comment when the parcel has "
    "arrived! "
    "<br><br>";

struct RatedText {
  std::int64_t rating;
  std::string_view rubis;
  std::array<std::string_view, 4> shop;
};

constexpr std::array kComments{
    RatedText{-5,
              "I would not deal with this seller again.<br>It's not what I paid for, and nobody answers. ",
              {"Arrived broken, and no answer to three letters.",
               "Not what was described, and the parcel came open.",
               "I waited five weeks and then got the wrong colour.", "Never again."}},
    RatedText{
        -3,
        "This was a disappointment.<br>The lot didn't look much like its description. ",
        {"Smaller than it looked, and late.", "It works, but the description left out a few scratches.",
         "Packed in one sheet of newspaper. It survived, barely.", "I had expected more for the price."}},
    RatedText{0,
              "Neither good nor bad.<br>The parcel came, and that's all there is to say. ",
              {"As described, though shipping took its time.", "Fine for the price.",
               "Correct, if not very talkative.", "Neither better nor worse than expected."}},
    RatedText{3,
              "A good seller.<br>Everything went well, and the parcel's contents were fine. ",
              {"Quick and friendly, gladly again.", "Well packed, and a fair price.",
               "Exactly as in the description.", "All went well."}},
    RatedText{
        5,
        "An excellent seller!<br>I couldn't have asked for more: fast, careful and honest. ",
        {"Even nicer than described. Thank you!", "Packed with great care, and here within two days.",
         "A pleasure from the first letter to the last.", "Outstanding. My grandmother wants one too."}},
};

const RatedText& text_for(std::int64_t rating) noexcept {
  for (const RatedText& text : kComments) {
    if (text.rating == rating) return text;
  }
  return kComments[2];
}

/// `text` over and over, cut to `length`.
std::string repeated(std::string_view text, std::int64_t length) {
  const auto size = static_cast<std::size_t>(length);
  std::string result;
  result.reserve(size + text.size());
  while (result.size() < size) result += text;
  result.resize(size);
  return result;
}

Random text_source(std::uint64_t seed, Id item) noexcept {
  return {seed, Stream::text, static_cast<std::uint64_t>(item)};
}

std::string sentence_about(std::string_view name, Random& random) {
  static constexpr std::array<std::string_view, 6> kOpenings{"Offered here: ",
                                                             "From a private collection: ",
                                                             "You are looking at this lot: ",
                                                             "For sale by its second owner: ",
                                                             "Found while clearing a house: ",
                                                             "Straight from the workshop: "};
  return std::string{random.pick(kOpenings)}.append(name) + '.';
}

}  // namespace

std::string rubis_description(std::uint64_t seed, Id item) {
  return repeated(kStock, text_source(seed, item).between(1, kDescriptionMax));
}

std::string rubis_comment(std::uint64_t seed, Id item, std::int64_t rating) {
  return repeated(text_for(rating).rubis, text_source(seed, -item).between(1, kCommentMax));
}

std::string shop_name(std::uint64_t seed, Id item, Id category) {
  Random random = text_source(seed, item);
  const ShopWords& words = shop_words()[static_cast<std::size_t>(category - 1) % shop_words().size()];
  std::string name{random.pick(words.qualities)};
  name.append(" ").append(random.pick(words.products));
  const auto form = random.between(0, 3);
  if (form >= 2) name.append(" by ").append(random.pick(shop_makers()));
  if (form != 2) name.append(", ").append(random.pick(words.details));
  return name;
}

std::string shop_description(std::uint64_t seed, Id item, Id category, const std::string& name) {
  static constexpr std::array<std::string_view, 6> kConditions{
      "It's in very good condition and comes from a home without smokers.",
      "There are small traces of use, as one would expect at this age; none of them matters.",
      "It was checked last week, and everything works as it should.",
      "One corner has a mark the size of a fingernail, shown honestly and priced accordingly.",
      "It has been cleaned with care, and otherwise left alone.",
      "Hardly used: it has spent most of its life in a cupboard."};
  static constexpr std::array<std::string_view, 6> kReasons{
      "I'm selling because we are moving to a smaller flat.",
      "It deserves somebody who looks at it every day.",
      "I have two of them and can't use both at once.",
      "It was a present, and not quite our taste.",
      "Proceeds go to the repair of the village hall's roof.",
      "I simply need the room."};
  static constexpr std::array<std::string_view, 6> kShipping{
      "Shipping within two working days, well padded.",    "Can be collected on most evenings.",
      "Sent insured, with a number to follow the parcel.", "I'm happy to combine several lots in one parcel.",
      "Shipping abroad is possible, please ask first.",    "Returns are welcome within 14 days."};
  static constexpr std::array<std::string_view, 5> kClosings{
      "Do ask if you'd like to know more.", "More views on request.", "Good luck with your bids!",
      "Thank you for looking.", "See my other auctions, too."};
  Random random = text_source(seed, item);
  for (int skipped = 0; skipped < 8; ++skipped) random.next();  // those of its name
  const ShopWords& words = shop_words()[static_cast<std::size_t>(category - 1) % shop_words().size()];
  std::string text = sentence_about(name, random);
  text.append(" ").append(random.pick(kConditions));
  if (random.between(0, 1) == 1) text.append(" Note: ").append(random.pick(words.details)).append(".");
  if (random.between(0, 2) > 0) text.append(" ").append(random.pick(kReasons));
  text.append(" ").append(random.pick(kShipping)).append(" ").append(random.pick(kClosings));
  return text;
}

std::string shop_comment(std::uint64_t seed, Id item, std::int64_t rating) {
  Random random = text_source(seed, -item);
  return std::string{random.pick(text_for(rating).shop)};
}

Cents shop_price(Random& random) {
  const std::int64_t most = random.pick(std::array<std::int64_t, 4>{25, 80, 250, 900});
  return {random.between(5, 2 * most) * 50};
}

}  // namespace sluice::auction::population
