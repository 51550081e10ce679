#include "loadgen/report/json.hpp"

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "loadgen/error.hpp"
#include "tests/unit/loadgen_report/sample.hpp"

namespace sluice::loadgen {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

/// Equal but for the last bits of doubles, which Boost.JSON 1.81 doesn't read back exactly.
void expect_equal(const json::value& a, const json::value& b, const std::string& path) {
  if (a.is_number() && b.is_number() && (a.is_double() || b.is_double())) {
    EXPECT_DOUBLE_EQ(a.to_number<double>(), b.to_number<double>()) << path;
  } else if (a.is_object() && b.is_object()) {
    ASSERT_EQ(a.get_object().size(), b.get_object().size()) << path;
    for (const auto& member : a.get_object()) {
      const auto* other = b.get_object().if_contains(member.key());
      ASSERT_NE(other, nullptr) << path << "." << member.key();
      expect_equal(member.value(), *other, path + "." + std::string{member.key()});
    }
  } else if (a.is_array() && b.is_array()) {
    ASSERT_EQ(a.get_array().size(), b.get_array().size()) << path;
    for (std::size_t i = 0; i < a.get_array().size(); ++i)
      expect_equal(a.get_array()[i], b.get_array()[i], path + "[" + std::to_string(i) + "]");
  } else {
    EXPECT_EQ(a, b) << path;
  }
}

class RoundTrip : public testing::TestWithParam<Result (*)()> {};
TEST_P(RoundTrip, LosesNothing) {
  const Result original = GetParam()();
  const Result copy = result_from_json(json::parse(json_text(original)));
  expect_equal(to_json(original), to_json(copy), "result");
  for (const double q : {0.5, 0.99, 1.0})
    EXPECT_EQ(copy.measured().latency[at(Phase::complete)].quantile(q),
              original.measured().latency[at(Phase::complete)].quantile(q));
}
INSTANTIATE_TEST_SUITE_P(Modes, RoundTrip,
                         testing::Values([] { return sample_sessions(); }, [] { return sample_requests(); },
                                         [] { return sample_handshakes(); }, [] { return Result{}; }));

/// Every count of a number of its own, every table with all its names.
struct Numbering {
  std::uint64_t next = 1;
  void fill(json::value& value) {
    if (auto* object = value.if_object())
      for (auto& member : *object) fill(member.value());
    else if (auto* array = value.if_array())
      for (auto& element : *array) fill(element);
    else if (value.is_number())
      value = next++;
  }
};

/// A document with every member there can be.
json::value full_document() {
  json::value document = to_json(sample_sessions(2));
  json::object& window = document.at("window").as_object();
  const auto names = [](const auto& list) {
    json::object object;
    for (const auto name : list) object[json::string_view{name.data(), name.size()}] = 1;
    return object;
  };
  json::object& sessions = window["sessions"].as_object();
  sessions["refused"] = names(kCauseNames);
  for (const auto step : kStepNames)
    sessions["abandoned"].as_object()[json::string_view{step.data(), step.size()}] = names(kCauseNames);
  for (const char* version : {"tls_1_2", "tls_1_3"})
    window["connections"].as_object()["resumption"].as_object()[version] = {
        {"offered", names(kOfferNames)}, {"accepted", names(kOfferNames)}, {"declined", names(kOfferNames)}};
  const json::object attack = window["attacks"].as_object()["forged-ticket"].as_object();
  for (const auto name : kAttackNames)
    window["attacks"].as_object()[json::string_view{name.data(), name.size()}] = attack;
  window.erase("latency"), window.erase("lag"), window.erase("states");
  sessions.erase("duration"), sessions.erase("time_to_refusal");
  return document;
}

void expect_doubled(const json::value& once, const json::value& twice, const std::string& path) {
  if (const auto* object = once.if_object()) {
    for (const auto& member : *object)
      expect_doubled(member.value(), twice.at(member.key()), path + "." + std::string{member.key()});
  } else {
    EXPECT_EQ(2 * once.to_number<std::uint64_t>(), twice.to_number<std::uint64_t>()) << path;
  }
}

TEST(Tally, AddsUpEveryCount) {
  json::value document = full_document();
  Numbering{}.fill(document.at("window"));
  Result result = result_from_json(document);
  const json::value once = to_json(result).at("window");
  expect_equal(once, document.at("window"), "window");  // nothing was lost on the way in
  result.window.add(Tally{result.window});
  expect_doubled(once, to_json(result).at("window"), "window");
}

TEST(Tally, AddsUpHistogramsAndStates) {
  Tally tally = sample_sessions().window;
  tally.add(sample_sessions().window);
  Tally empty;
  empty.add(tally);
  const Tally once = sample_sessions().window;
  for (std::size_t i = 0; i < kPhaseNames.size(); ++i)
    EXPECT_EQ(empty.latency[i].count(), 2 * once.latency[i].count()) << kPhaseNames[i];
  EXPECT_EQ(empty.lag.count(), 2 * once.lag.count());
  EXPECT_EQ(empty.sessions.duration.count(), 2 * once.sessions.duration.count());
  EXPECT_EQ(empty.sessions.time_to_refusal[at(Cause::rst)].count(),
            2 * once.sessions.time_to_refusal[at(Cause::rst)].count());
  ASSERT_EQ(empty.states.size(), once.states.size());
  EXPECT_EQ(empty.states[3].complete.count(), 2 * once.states[3].complete.count());
  EXPECT_EQ(empty.states[3].replies, 2 * once.states[3].replies);
}

TEST(Result, MeasuresTheWindowAndWhatEndedAfterItButCountsAllThatWasSent) {
  Result result;
  result.warmup.requests.sent = 1;
  result.window.requests.sent = 10;
  result.tail.requests.sent = 100;
  EXPECT_EQ(result.measured().requests.sent, 110u);
  EXPECT_EQ(result.whole().requests.sent, 111u);
}

TEST(Json, LeavesOutWhatIsEmpty) {
  const json::object object = to_json(Result{});
  EXPECT_FALSE(object.contains("server"));
  EXPECT_FALSE(object.contains("limits"));
  EXPECT_FALSE(object.at("window").as_object().contains("latency"));
  EXPECT_FALSE(object.at("window").at("sessions").as_object().contains("refused"));
}

TEST(Json, NamesTheFiguresOfLimits) {
  const json::object figures = to_json(sample_sessions()).at("figures").as_object();
  EXPECT_GT(figures.at("session_ok").as_double(), 0.5);
  EXPECT_TRUE(figures.contains("goodput_per_s"));
}

TEST(Json, WritesNumbersPlainly) {
  Result result;
  result.window_s = 12.5;
  result.setup.duration_s = 60;
  EXPECT_THAT(json_text(result), HasSubstr("\"window_s\": 12.5,"));
  EXPECT_THAT(json_text(result), HasSubstr("\"duration_s\": 60,"));
}

TEST(Json, KeepsALimitWithoutAValueWithoutAValue) {
  Result result;
  result.limits.push_back({"p99<1s", std::nan(""), false});
  EXPECT_TRUE(std::isnan(result_from_json(to_json(result)).limits.at(0).actual));
}

TEST(Json, KeepsStringsThatHurt) {
  Result result;
  result.setup.label = "\"\\\n\x01<script>\xc3\xa9";
  EXPECT_EQ(result_from_json(json::parse(json_text(result))).setup.label, result.setup.label);
}

struct BadCase {
  const char* name;
  void (*spoil)(json::object& root);
  const char* says;
};
class ForeignResult : public testing::TestWithParam<BadCase> {};
TEST_P(ForeignResult, IsRefusedWithASentence) {
  json::object root = to_json(sample_sessions(3));
  GetParam().spoil(root);
  try {
    result_from_json(root);
    FAIL();
  } catch (const RunError& error) {
    EXPECT_THAT(error.what(), HasSubstr(GetParam().says));
  }
}
json::object& histogram(json::object& root) {
  return root["window"].as_object()["latency"].as_object()["complete"].as_object();
}
INSTANTIATE_TEST_SUITE_P(
    All, ForeignResult,
    testing::Values(
        BadCase{"NoSchema", [](json::object& r) { r.erase("schema"); }, "schema is missing"},
        BadCase{"OtherSchema", [](json::object& r) { r["schema"] = "sluice-load/result/2"; }, "result/2"},
        BadCase{"NoWindow", [](json::object& r) { r.erase("window"); }, "window is missing"},
        BadCase{"NoCount", [](json::object& r) { r["window"].at("sessions").as_object().erase("started"); },
                "window.sessions.started is missing"},
        BadCase{"Negative", [](json::object& r) { r["window"].at("sessions").at("started") = -1; },
                "window.sessions.started is not a whole number"},
        BadCase{"Fraction", [](json::object& r) { r["setup"].at("threads") = 1.5; }, "setup.threads"},
        BadCase{"WideThreads", [](json::object& r) { r["setup"].at("threads") = 1ULL << 40; },
                "out of bounds"},
        BadCase{"Text", [](json::object& r) { r["window_s"] = "ten"; }, "window_s is not a number"},
        BadCase{"Huge", [](json::object& r) { r["window_s"] = 1e300; }, "out of bounds"},
        BadCase{"Infinite", [](json::object& r) { r["window_s"] = std::numeric_limits<double>::infinity(); },
                "out of bounds"},
        BadCase{"TooManyFigures",
                [](json::object& r) {
                  json::object many;
                  for (int i = 0; i <= 1000; ++i) many["n" + std::to_string(i)] = i;
                  r["server"].at("totals") = many;
                },
                "server.totals has too many members"},
        BadCase{"FigureWithALongName",
                [](json::object& r) {
                  r["server"].at("points").at(0).at("values") = {{std::string(201, 'n'), 1}};
                },
                "too long a name"},
        BadCase{"NoList", [](json::object& r) { r["series"] = 5; }, "series is not an array"},
        BadCase{"UnknownCause",
                [](json::object& r) {
                  r["window"].at("sessions").as_object()["refused"] = {{"x", 5}};
                },
                "window.sessions.refused.x is not a name"},
        BadCase{"UnknownVerdict", [](json::object& r) { r["verdict"].at("kind") = "fine"; }, "verdict.kind"},
        BadCase{"LongText", [](json::object& r) { r["setup"].at("label") = std::string(70'000, 'x'); },
                "too long"},
        BadCase{"OtherStates", [](json::object& r) { r["window"].at("states").at(0).at("name") = "x"; },
                "window.states"},
        BadCase{"MoreStates", [](json::object& r) { r["setup"].at("states") = json::array{}; },
                "more states"},
        BadCase{"BucketsDescend",
                [](json::object& r) {
                  histogram(r)["buckets"] = json::array{{9, 1}, {8, 1}};
                },
                "not ascending"},
        BadCase{"BucketOfOne", [](json::object& r) { histogram(r)["buckets"] = json::array{json::array{9}}; },
                "[upper bound"},
        BadCase{"TooManyCounted",
                [](json::object& r) {
                  histogram(r)["buckets"] = json::array{{9, 1ULL << 53}, {10, 1}};
                },
                "counts too much"},
        BadCase{"WrongCount", [](json::object& r) { histogram(r)["count"] = 1; }, "sum of its buckets"},
        BadCase{"LongerThanAnHour", [](json::object& r) { histogram(r)["max_ns"] = 1ULL << 62; },
                "out of bounds"},
        BadCase{"MinimumAboveMaximum", [](json::object& r) { histogram(r)["max_ns"] = 0; }, "minimum above"}),
    [](const auto& test) { return std::string(test.param.name); });

class Files : public testing::Test {
 protected:
  Files() { std::filesystem::create_directory(folder_); }
  ~Files() override { std::filesystem::remove_all(folder_); }
  std::string path(const char* name) const { return (folder_ / name).string(); }

 private:
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("loadgen_report_test." + std::to_string(::getpid()));
};

TEST_F(Files, AreReadBackByNameAndByFolder) {
  write_file(path("result.json"), json_text(sample_requests()));
  EXPECT_EQ(read_result(path("result.json")).setup.mode, "requests");
  EXPECT_EQ(read_result(path("")).setup.mode, "requests");
  write_file(path("result.json"), json_text(sample_handshakes()));  // over the old one
  EXPECT_EQ(read_result(path("result.json")).setup.mode, "handshakes");
}

TEST_F(Files, LeaveNoDraftBehind) {
  EXPECT_THROW(write_file(path("none/result.json"), "x"), RunError);
  write_file(path("x"), "x");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator{path("")}, {}), 1);
}

TEST_F(Files, CanBeAskedForBeforeTheyAreWritten) {
  write_file(path("old.json"), "x");
  EXPECT_NO_THROW(check_writable(path("new.json")));
  EXPECT_NO_THROW(check_writable(path("old.json")));
  EXPECT_NO_THROW(check_writable("in-this-folder.json"));
  EXPECT_NO_THROW(check_writable("/dev/null"));
  EXPECT_THROW(check_writable(path("none/new.json")), RunError);
  EXPECT_THROW(check_writable(path("")), RunError) << "a folder";
}

/// Nobody, where the tests run as root, to whom nothing is closed.
class AsNobody {
 public:
  AsNobody() { done_ = ::getuid() != 0 || ::setresuid(65534, 65534, 0) == 0; }
  ~AsNobody() {
    if (root_ && ::setresuid(0, 0, 0) != 0) std::abort();
  }
  bool done() const { return done_; }

 private:
  bool root_ = ::getuid() == 0;
  bool done_ = false;
};

TEST_F(Files, MayBeADeviceInAFolderThatIsClosed) {
  const AsNobody nobody;
  if (!nobody.done()) GTEST_SKIP() << "can't become nobody";
  EXPECT_NO_THROW(check_writable("/dev/null"));
  EXPECT_THROW(check_writable("/dev/new.json"), RunError);
}

TEST_F(Files, AreRefusedWithTheirName) {
  const auto refusal = [&](const char* name) {
    try {
      read_result(path(name));
    } catch (const RunError& error) {
      return std::string{error.what()};
    }
    return std::string{"read"};
  };
  write_file(path("text"), "no JSON");
  write_file(path("cut"), json_text(sample_requests()).substr(0, 500));
  write_file(path("other"), "{}");
  EXPECT_THAT(refusal("missing"), testing::AllOf(HasSubstr("missing"), HasSubstr("No such file")));
  EXPECT_THAT(refusal("text"), testing::AllOf(HasSubstr("text"), HasSubstr("not JSON")));
  EXPECT_THAT(refusal("cut"), HasSubstr("not JSON"));
  EXPECT_THAT(refusal("other"), testing::AllOf(HasSubstr("other"), HasSubstr("schema is missing")));
}

}  // namespace
}  // namespace sluice::loadgen
