#include "apps/auction/store/postgresql/words.hpp"

#include <algorithm>

namespace sluice::auction::postgresql {

namespace {

bool part_of_word(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= 'a' && byte <= 'z');
}

std::string lowered(std::string_view word) {
  std::string out{word.substr(0, kWordBytesMax)};
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace

std::vector<std::string> words_of(std::string_view text, std::size_t most) {
  std::vector<std::string> words;
  while (words.size() < most) {
    const auto* const begin = std::find_if(text.begin(), text.end(), part_of_word);
    if (begin == text.end()) break;
    const auto* const end = std::find_if_not(begin, text.end(), part_of_word);
    std::string word = lowered({begin, static_cast<std::size_t>(end - begin)});
    if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(std::move(word));
    text.remove_prefix(static_cast<std::size_t>(end - text.begin()));
  }
  return words;
}

std::string after_prefix(std::string_view prefix) {
  std::string next{prefix};
  while (!next.empty() && static_cast<unsigned char>(next.back()) == 0xff) next.pop_back();
  if (!next.empty()) next.back() = static_cast<char>(static_cast<unsigned char>(next.back()) + 1);
  return next;
}

}  // namespace sluice::auction::postgresql
