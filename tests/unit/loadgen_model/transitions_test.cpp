#include "loadgen/model/transitions.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loadgen/error.hpp"

namespace sluice::loadgen {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using Kind = Transitions::Choice::Kind;

constexpr std::string_view kShop =
    "to\\from,/,/cart,transition_waiting_time_ms\n"
    "/,0.25,0.5,1000\n"
    "/cart,0.25,0.75,2000.4\r\n"
    "\n"
    "Back,0,0.25,500\n"
    "EndOfSession,0.25,1,0\n"
    "whatever comes then\n";

std::string refusal(const std::string& text) {
  try {
    Transitions::parse(text, "shop.csv");
  } catch (const UsageError& error) {
    return error.what();
  }
  return {};
}

TEST(Transitions, FollowRubisColumnScan) {
  const auto table = Transitions::parse(kShop, "shop.csv");
  EXPECT_THAT(table.names(), ElementsAre("/", "/cart"));
  EXPECT_FALSE(table.has_interactions());
  EXPECT_FALSE(table.interaction(0));
  EXPECT_FALSE(table.can_go_back(0));
  EXPECT_TRUE(table.can_go_back(1));

  EXPECT_EQ(table.next(0, 0).state, 0);
  EXPECT_EQ(table.next(0, 0.2499).wait, 1s);
  EXPECT_EQ(table.next(0, 0.25).state, 1) << "the running sum must exceed the number";
  EXPECT_EQ(table.next(0, 0.25).wait, 2s);
  EXPECT_EQ(table.next(0, 0.5).kind, Kind::end) << "Back has probability 0 here";
  EXPECT_EQ(table.next(0, 0.75).kind, Kind::state) << "the missing probability stays";
  EXPECT_EQ(table.next(0, 0.9999).state, 0);
  EXPECT_EQ(table.next(0, 0.9999).wait, 1s);
  EXPECT_EQ(table.next(1, 0.9999).state, 1) << "what is above 1 is cut";
  EXPECT_EQ(table.wait(1), 2s);
}

TEST(Transitions, EmbedTheTablesOfRubis) {
  for (const char* name : {"default", "default_7", "browse", "browse_7"}) {
    const auto table = Transitions::load(name);
    EXPECT_EQ(table.name(), name);
    ASSERT_EQ(table.size(), 27u);
    for (std::uint16_t state = 0; state < 27; ++state) {
      EXPECT_EQ(table.names()[state], kInteractionNames[state]);
      EXPECT_EQ(table.interaction(state), static_cast<Interaction>(state));
      EXPECT_EQ(table.can_go_back(state), state >= 9 && state <= 11) << kInteractionNames[state];
    }
  }
  EXPECT_EQ(Transitions::load("default").wait(1), 10s);
  EXPECT_EQ(Transitions::load("default_7").wait(1), 7s);
  EXPECT_EQ(Transitions::load("default").next(1, 0.5).state, 2);
}

/// A table in the layout of RUBiS' own files: all go Home with 0.5, or end with 0.5.
std::string rubis_text(const std::string& newline) {
  std::string text =
      "RUBiS Transition Table\tA title\t\t" + newline + "\t\t" + newline + "\"To >>>\n" + "From vvvv  \"";
  for (int i = 0; i < 27; ++i) text += "\tabbr. " + std::to_string(i);
  text += "\tTransition waiting time\tunscaled" + newline;
  const auto row = [&](std::string_view name, const char* probability) {
    text += name;
    for (int i = 0; i < 27; ++i) text += std::string{"\t"} + probability;
    text += "\t30\t3000\tnoise" + newline;
  };
  for (const auto name : kInteractionNames) {
    std::string spelled{name};
    if (name == "StoreBuyNow") spelled = "StoreBuyBow";
    if (name == "AboutMeAuth") spelled = "AboutMe (auth form)";
    row(spelled, name == "Home" ? "0.5" : "0");
  }
  row("Back probability", "0");
  row("End of Session", "0.5");
  return text + "Header probability\t1\t2" + newline + newline + "Total\tx" + newline;
}

TEST(Transitions, ReadTheTextOfRubisClient) {
  for (const char* newline : {"\n", "\r\n"}) {
    const auto table = Transitions::parse(rubis_text(newline), "table.txt");
    ASSERT_EQ(table.size(), 27u);
    EXPECT_EQ(table.names()[14], "StoreBuyNow");
    EXPECT_EQ(table.interaction(25), Interaction::about_me_auth);
    EXPECT_EQ(table.next(14, 0.49).state, 0);
    EXPECT_EQ(table.next(14, 0.5).kind, Kind::end);
    EXPECT_EQ(table.wait(26), 30ms);
  }
}

TEST(Transitions, RefuseARubisTextThatEndsEarly) {
  const auto text = rubis_text("\n");
  const auto cut = [&](std::string_view before) { return text.substr(0, text.find(before)); };
  EXPECT_EQ(refusal(text), "");
  EXPECT_THAT(refusal(cut("\"To")), HasSubstr("shop.csv:3:1: the table ends here"));
  EXPECT_THAT(refusal(cut("End of")), HasSubstr("this one has 28"));
  EXPECT_THAT(refusal(cut("\tabbr. 9")), HasSubstr("shop.csv:4:"));
}

TEST(Transitions, MixInteractionsWithPaths) {
  const auto table = Transitions::parse(
      "x,Home,/news,StoreBuyBow,transition_waiting_time_ms\nStoreBuyNow,1,0,0,1\n/"
      "news,0,1,0,2\nHome,0,0,1,3\n",
      "m");
  EXPECT_TRUE(table.has_interactions());
  EXPECT_THAT(table.names(), ElementsAre("Home", "/news", "StoreBuyNow"));
  EXPECT_EQ(table.next(0, 0.5).state, 2) << "rows may stand in another order than columns";
  EXPECT_EQ(table.wait(0), 3ms);
  EXPECT_FALSE(table.interaction(1));
}

struct BadTable {
  const char* name;
  const char* text;
  const char* says;
};
class RefusedTable : public testing::TestWithParam<BadTable> {};
TEST_P(RefusedTable, NamesFileLineAndColumn) { EXPECT_EQ(refusal(GetParam().text), GetParam().says); }

#define HEADER "x,/a,/b,transition_waiting_time_ms\n"
INSTANTIATE_TEST_SUITE_P(
    Transitions, RefusedTable,
    testing::Values(
        BadTable{"Empty", "", "shop.csv:1:1: there is no table in it"},
        BadTable{"NoWaitColumn", "x,/a,/b\n",
                 "shop.csv:1:6: the header reads 'to\\from,<state>,...,transition_waiting_time_ms'"},
        BadTable{"UnknownState", "x,Hoem,transition_waiting_time_ms\n",
                 "shop.csv:1:3: 'Hoem' is neither an interaction of RUBiS nor a path that begins with '/'"},
        BadTable{"PathWithBlank", "x,/a b,transition_waiting_time_ms\n",
                 "shop.csv:1:3: '/a b' is neither an interaction of RUBiS nor a path that begins with '/'"},
        BadTable{"SameColumnTwice", "x,/a,/a,transition_waiting_time_ms\n",
                 "shop.csv:1:6: '/a' is there twice"},
        BadTable{"RowMissing", HEADER "/a,0,0,1\n", "shop.csv:1:6: column '/b' has no row of that name"},
        BadTable{"RowTwice", HEADER "/a,0,0,1\n/a,0,0,1\n", "shop.csv:3:1: row '/a' is there twice"},
        BadTable{"BackTwice", HEADER "Back,0,0,1\nBack,0,0,1\n", "shop.csv:3:1: row 'Back' is there twice"},
        BadTable{"RowWithoutColumn", HEADER "\n/c,0,0,1\n",
                 "shop.csv:3:1: row '/c' has no column of that name"},
        BadTable{"ProbabilityAboveOne", HEADER "/a,0, 1.5,1\n",
                 "shop.csv:2:7: '1.5' is not a probability between 0 and 1"},
        BadTable{"NegativeProbability", HEADER "/a,-0.1,0,1\n",
                 "shop.csv:2:4: '-0.1' is not a probability between 0 and 1"},
        BadTable{"NotANumber", HEADER "/a,nan,0,1\n",
                 "shop.csv:2:4: 'nan' is not a probability between 0 and 1"},
        BadTable{"EmptyField", HEADER "/a,,0,1\n", "shop.csv:2:4: '' is not a probability between 0 and 1"},
        BadTable{"BadWait", HEADER "/a,0,0,7s\n",
                 "shop.csv:2:8: '7s' is not a waiting time in milliseconds (at most 24 hours)"},
        BadTable{"FieldMissing", HEADER "/a,0,0\n",
                 "shop.csv:2:6: row '/a' has 3 fields instead of 4 (name, one probability per column, "
                 "waiting time)"},
        BadTable{"FieldTooMany", HEADER "/a,0,0,1,2\n",
                 "shop.csv:2:10: this row has more fields than the header"}),
    [](const auto& test) { return std::string(test.param.name); });
#undef HEADER

TEST(Transitions, HaveABoundedNumberOfStates) {
  const auto table_of = [](int states) {
    std::string text = "x", rows;
    for (int i = 0; i < states; ++i) {
      const auto path = "/" + std::to_string(i);
      text += "," + path;
      rows += path;
      for (int from = 0; from < states; ++from) rows += ",0";
      rows += ",1\n";
    }
    return text + ",transition_waiting_time_ms\n" + rows;
  };
  EXPECT_EQ(Transitions::parse(table_of(256), "m").size(), 256u);
  EXPECT_THROW(Transitions::parse(table_of(257), "m"), UsageError);
}

TEST(Transitions, NameTheModelsWhenThereIsNoSuchFile) {
  try {
    Transitions::load("/nowhere/shop.csv");
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("none of default, default_7, browse, browse_7"));
  }
  EXPECT_THROW(Transitions::load("/"), UsageError);
}

}  // namespace
}  // namespace sluice::loadgen
