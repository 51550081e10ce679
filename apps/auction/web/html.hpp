#pragma once
#include <string>
#include <string_view>

/// Output escaping: the only ways by which stored or sent text gets into a page.
namespace sluice::auction::web {

/// Text that is markup already. Everything else is escaped where it enters a template, so the type decides,
/// not the author of the template.
struct Html {
  std::string text;
};

/// Safe between tags and inside quoted attributes. Beside & < > " ' it breaks up what RUBiS' client searches
/// pages for (reference: rubis.md section 2): every '=', and the words of its error and its empty-search
/// marker. So no item name can make a good page look like a failed one. Control characters other than tab and
/// line ends become blanks.
void append_escaped(std::string& out, std::string_view text);
std::string escaped(std::string_view text);

/// application/x-www-form-urlencoded (WHATWG URL section 5.2), which is also safe in a quoted attribute. The
/// marker words are broken up here too.
std::string url_encoded(std::string_view text);

}  // namespace sluice::auction::web
