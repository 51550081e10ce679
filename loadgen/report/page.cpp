#include "embedded/sluice_load_report.hpp"
#include "loadgen/report/chart.hpp"

namespace sluice::loadgen {

std::string render_page(const std::string& title, const std::string& body_html) {
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>";
  page.append(escape_html(title)).append("</title>\n<style>\n").append(embedded::page_css);
  page.append("</style>\n</head>\n<body>\n<main>\n").append(body_html).append("</main>\n</body>\n</html>\n");
  return page;
}

std::string escape_html(const std::string& text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c != '\n' && c != '\t' && (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) ? ' ' : c;
    }
  }
  return out;
}

}  // namespace sluice::loadgen
