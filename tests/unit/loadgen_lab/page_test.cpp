#include "loadgen/lab/page.hpp"

#include <gmock/gmock.h>

namespace sluice::loadgen::lab {
namespace {

using testing::HasSubstr;
using testing::Not;

/// Two policies over the same three seconds.
Findings crowd() {
  Findings findings;
  findings.plan.experiment = find_experiment("step");
  findings.plan.variants = {{.name = "off"}, {.name = "paper", .policy = "paper"}};
  findings.plan.xs = {0.5};
  for (std::size_t variant : {0U, 1U}) {
    Measurement one;
    one.point.variant = variant;
    one.rate = 20;
    one.result.setup.load = "step 20/1s";
    for (const double t : {0.0, 1.0, 2.0}) {
      TimeBin bin;
      bin.t = t;
      bin.planned = 20;
      bin.completed = 10 + variant;
      one.result.series.push_back(bin);
    }
    findings.measurements.push_back(one);
  }
  return findings;
}

std::string legend_of(const std::string& page, const std::string& title) {
  const auto begin = page.find("<ul class=\"legend", page.find("<h3>" + title));
  return page.substr(begin, page.find("</ul>", begin) - begin);
}

TEST(LabPage, GivesAVariantTheSameColourInEveryChart) {
  const std::string page = lab_page(crowd(), {});
  const std::string with_offered = legend_of(page, "Completed sessions");
  EXPECT_THAT(with_offered, HasSubstr("<li class=\"s0\"><i></i>off</li><li class=\"s1\"><i></i>paper</li>"));
  EXPECT_THAT(with_offered, HasSubstr("<li class=\"s2 dashed\"><i></i>offered: step 20/1s</li>"));
  EXPECT_THAT(legend_of(page, "Sessions under way"),
              HasSubstr("<li class=\"s0\"><i></i>off</li><li class=\"s1\"><i></i>paper</li>"));
}

TEST(LabPage, OfALabStoppedBeforeItKnewAnythingSaysSo) {
  Findings findings = crowd();
  findings.measurements.clear();
  findings.stopped = true;
  const std::string page = lab_page(findings, {});
  EXPECT_THAT(page, HasSubstr("stopped before its end"));
  EXPECT_THAT(page, Not(HasSubstr("saturates at")));
}

TEST(LabPage, EscapesWhatItWasAskedFor) {
  Circumstances circumstances;
  circumstances.options.command_line = "lab step --set 'a=<b>'";
  EXPECT_THAT(lab_page(crowd(), circumstances), HasSubstr("--set &#39;a=&lt;b&gt;&#39;"));
}

}  // namespace
}  // namespace sluice::loadgen::lab
