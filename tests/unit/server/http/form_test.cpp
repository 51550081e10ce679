#include "server/http/form.hpp"

#include <string>

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

TEST(Form, DecodesNamesAndValuesInOrder) {
  const auto form = parse_form("itemId=5&text=a%20b+c%2Bd&n%61me=%C3%A4");
  ASSERT_TRUE(form);
  EXPECT_EQ(form->size(), 3u);
  EXPECT_EQ(form->get("itemId"), "5");
  EXPECT_EQ(form->get("text"), "a b c+d");
  EXPECT_EQ(form->get("name"), "\xc3\xa4");
}

TEST(Form, TellsEmptyFromAbsent) {
  const auto form = parse_form("a=&b&=c&&");
  ASSERT_TRUE(form);
  EXPECT_EQ(form->size(), 3u);
  EXPECT_TRUE(form->has("a"));
  EXPECT_TRUE(form->has("b"));
  EXPECT_EQ(form->get(""), "c");
  EXPECT_FALSE(form->has("A"));
  EXPECT_EQ(form->get("A"), "");
  EXPECT_EQ(form->find("A"), nullptr);
}

TEST(Form, TakesTheFirstOfARepeatedNameAndKeepsEqualSigns) {
  const auto form = parse_form("a=1&a=2&b=c=d");
  ASSERT_TRUE(form);
  EXPECT_EQ(form->get("a"), "1");
  EXPECT_EQ(form->get("b"), "c=d");
}

TEST(Form, OfNothingIsEmpty) { EXPECT_EQ(parse_form("")->size(), 0u); }

struct FormCase {
  const char* name;
  std::string text;
  FormError expected;
};
class BadForm : public testing::TestWithParam<FormCase> {};

TEST_P(BadForm, IsRefused) {
  const auto form = parse_form(GetParam().text);
  ASSERT_FALSE(form);
  EXPECT_EQ(form.error(), GetParam().expected);
  EXPECT_FALSE(form.error().message().empty());
}

std::string fields(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += "a=&";
  return text;
}

INSTANTIATE_TEST_SUITE_P(Form, BadForm,
                         testing::Values(FormCase{"NotHexadecimal", "a=%zz", FormError::malformed},
                                         FormCase{"CutPercent", "a=%2", FormError::malformed},
                                         FormCase{"PercentAtTheEnd", "a=%", FormError::malformed},
                                         FormCase{"PercentInName", "%=a", FormError::malformed},
                                         FormCase{"RawBlank", "a=b c", FormError::malformed},
                                         FormCase{"RawLineEnd", "a=b\r\nc", FormError::malformed},
                                         FormCase{"RawDelete", "a=\x7f", FormError::malformed},
                                         FormCase{"Nul", "a=%00", FormError::not_utf8},
                                         FormCase{"Continuation", "a=%80", FormError::not_utf8},
                                         FormCase{"Cut", "a=%C3", FormError::not_utf8},
                                         FormCase{"Overlong2", "a=%C0%80", FormError::not_utf8},
                                         FormCase{"Overlong3", "a=%E0%80%80", FormError::not_utf8},
                                         FormCase{"Overlong4", "a=%F0%80%80%80", FormError::not_utf8},
                                         FormCase{"Surrogate", "a=%ED%A0%80", FormError::not_utf8},
                                         FormCase{"BeyondUnicode", "a=%F4%90%80%80", FormError::not_utf8},
                                         FormCase{"FiveBytes", "a=%F8%80%80%80%80", FormError::not_utf8},
                                         FormCase{"TooMany", fields(kFormFieldsMax + 1), FormError::too_many},
                                         FormCase{"FarTooMany", fields(20'000), FormError::too_many}),
                         [](const auto& test) { return std::string{test.param.name}; });

TEST(Form, TakesAllOfUnicodeAndAsManyFieldsAsTheBound) {
  EXPECT_TRUE(parse_form("a=%C2%80%DF%BF%E0%A0%80%ED%9F%BF%EE%80%80%EF%BF%BF%F0%90%80%80%F4%8F%BF%BF"));
  EXPECT_TRUE(parse_form("a=\xc3\xa4"));  // raw UTF-8, as some clients send it
  EXPECT_EQ(parse_form(fields(kFormFieldsMax))->size(), kFormFieldsMax);
}

}  // namespace
}  // namespace sluice::http
