#include "apps/auction/web/template.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "apps/auction/web/templates.hpp"

namespace sluice::auction::web {
namespace {

std::string rendered(std::string_view source, const Values& values) {
  return Template{source}.render(values);
}

TEST(Template, EscapesTextButNotHtml) {
  Values values;
  values.text("text", "<b>").html("html", Html{"<b>"}).number("number", -3);
  EXPECT_EQ(rendered("{{text}} {{html}} {{ number }}", values), "&lt;b&gt; <b> -3\n");
}

TEST(Template, ShowsSectionsOfWhatIsThere) {
  const auto shows = [](const Values& values) { return rendered("{{#x}}yes{{/x}}{{^x}}no{{/x}}", values); };
  EXPECT_EQ(shows(Values{}.flag("x", true)), "yes\n");
  EXPECT_EQ(shows(Values{}.flag("x", false)), "no\n");
  EXPECT_EQ(shows(Values{}.text("x", "text")), "yes\n");
  EXPECT_EQ(shows(Values{}.text("x", "")), "no\n");
  EXPECT_EQ(shows(Values{}.list("x", {})), "no\n");
  EXPECT_EQ(shows(Values{}), "no\n");
}

TEST(Template, RepeatsListsAndLooksOutwards) {
  Values::List rows;
  rows.push_back(Values{}.number("id", 1));
  rows.push_back(Values{}.number("id", 2).text("name", "inner"));
  Values values;
  values.list("rows", std::move(rows)).text("name", "outer");
  EXPECT_EQ(rendered("{{#rows}}\n  {{id}} {{name}}\n{{/rows}}\nend", values), "1 outer\n2 inner\nend\n");
}

TEST(Template, NestsSections) {
  Values::List rows;
  rows.push_back(Values{}.flag("a", true).flag("b", false));
  rows.push_back(Values{}.flag("a", false).flag("b", true));
  Values values;
  values.list("rows", std::move(rows));
  EXPECT_EQ(rendered("{{#rows}}[{{#a}}a{{^b}}, not b{{/b}}{{/a}}{{#b}}b{{/b}}]{{/rows}}", values),
            "[a, not b][b]\n");
}

TEST(Template, TheLastValueOfANameCounts) {
  EXPECT_EQ(rendered("{{x}}", Values{}.text("x", "a").text("x", "b")), "b\n");
}

TEST(Template, DropsIndentationAndComments) {
  EXPECT_EQ(rendered("  <p>\n\n    text {{! a note }}\n  {{! another }}\n  </p>", {}), "<p>\ntext \n</p>\n");
}

TEST(Template, IncludesOthers) {
  const auto part = [](std::string_view name) { return "<" + std::string{name} + ">{{x}}"; };
  EXPECT_EQ((Template{"a\n{{>part}}\nb", part}.render(Values{}.text("x", "y"))), "a\n<part>y\nb\n");
}

TEST(Template, RefusesMistakes) {
  const auto endless = [](std::string_view) { return std::string{"{{>again}}"}; };
  for (const char* source : {"{{#a}}", "{{/a}}", "{{#a}}{{/b}}", "{{a", "{{}}", "{{>nothing}}"}) {
    EXPECT_THROW(Template{source}, std::invalid_argument) << source;
  }
  EXPECT_THROW((Template{"{{>again}}", endless}), std::invalid_argument);
}

TEST(Templates, AreAllWellFormed) { EXPECT_NO_THROW(templates()); }

}  // namespace
}  // namespace sluice::auction::web
