#pragma once
#include <string>
#include <string_view>
#include <vector>

/// The words of names and of searches, as table item_words has them: runs of letters and digits, ASCII in
/// lower case, other characters as they are (SQLite's FTS5 also takes accents off). Compared byte by byte,
/// which every database does alike.
namespace sluice::auction::postgresql {

inline constexpr std::size_t kWordBytesMax = 64;     ///< What is longer is cut.
inline constexpr std::size_t kWordsOfNameMax = 100;  ///< Further words of a name can't be found.
inline constexpr std::size_t kWordsOfSearchMax = 8;  ///< Further words of a search do not count.

/// At most `most` words, each once, in the order of their first appearance.
std::vector<std::string> words_of(std::string_view text, std::size_t most);

/// The first string of bytes behind all that begin with `prefix`. Empty when there is none, which no word of
/// ours has: it would consist of 0xff alone.
std::string after_prefix(std::string_view prefix);

}  // namespace sluice::auction::postgresql
