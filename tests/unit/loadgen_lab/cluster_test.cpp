#include <set>
#include <tuple>

#include <gmock/gmock.h>

#include "loadgen/error.hpp"
#include "loadgen/lab/cluster/cluster_figures.hpp"
#include "loadgen/lab/cluster/cluster_plan.hpp"

namespace sluice::loadgen::lab {
namespace {

using testing::AllOf;
using testing::DoubleNear;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

// The plan. ----------------------------------------------------------------------------------------

TEST(ClusterPlan, PutsEverySchemeBesideEachOtherWithAndWithoutMigration) {
  const ClusterPlan plan = make_cluster_plan({}, true);
  std::set<std::tuple<Scheme, bool, Clients>> all;
  for (const ClusterCase& c : plan.cases) all.insert({c.scheme, c.migration, c.clients});
  EXPECT_THAT(all, SizeIs(schemes().size() * 2 * 3));
  EXPECT_EQ(all.size(), plan.cases.size());
}

TEST(ClusterPlan, LeavesOutWhatNeedsHaproxyWhereThereIsNone) {
  for (const ClusterCase& c : make_cluster_plan({}, false).cases) EXPECT_FALSE(needs_haproxy(c.scheme));
  LabOptions options;
  options.schemes = {"session-id"};
  EXPECT_THROW(make_cluster_plan(options, false), UsageError);
}

TEST(ClusterPlan, TakesSchemesByTheirNames) {
  LabOptions options;
  for (const Scheme scheme : schemes()) {
    options.schemes = {std::string(name_of(scheme))};
    for (const ClusterCase& c : make_cluster_plan(options, true).cases) EXPECT_EQ(c.scheme, scheme);
  }
  options.schemes = {"astrology"};
  EXPECT_THROW(make_cluster_plan(options, true), UsageError);
}

TEST(ClusterPlan, RefusesWhatItCantCompare) {
  LabOptions options;
  options.processors = {0.1, 0.2};
  EXPECT_THROW(make_cluster_plan(options, true), UsageError);
  options = {};
  options.certificates = {"ecdsa", "rsa2048"};
  EXPECT_THROW(make_cluster_plan(options, true), UsageError);
  options = {};
  options.duration_s = 0.5;
  EXPECT_THROW(make_cluster_plan(options, true), UsageError);
}

TEST(ClusterPlan, OffersTheSameWorkWhoeverComes) {
  ClusterPlan plan;
  plan.cpus = 0.2, plan.members = 3, plan.offered = 0.5;
  constexpr double kLight = 0.002, kHeavy = 0.016;
  for (const Clients clients : {Clients::even, Clients::few, Clients::heavy}) {
    const ClusterLoad load = load_of(plan, clients, kLight, kHeavy);
    EXPECT_THAT(load.light * kLight + load.heavy * kHeavy, DoubleNear(0.3, 1e-12));
    EXPECT_EQ(load.heavy > 0, clients == Clients::heavy);
  }
}

TEST(ClusterPlan, HeavyClientsComeFromAnAddressOfTheirOwn) {
  for (const Clients clients : {Clients::even, Clients::few, Clients::heavy})
    EXPECT_THAT(light_sources(clients), Not(testing::Contains(heavy_sources().front())));
  EXPECT_THAT(heavy_sources(), SizeIs(1));
  EXPECT_THAT(light_sources(Clients::few), SizeIs(2));
}

TEST(ClusterPlan, SaysHowToBalance) {
  const std::vector<std::string> members{"10.0.0.1:1", "10.0.0.2:1"};
  for (const Scheme scheme : schemes()) EXPECT_EQ(rig_words(scheme).empty(), needs_haproxy(scheme));
  EXPECT_THAT(haproxy_config(Scheme::least_connections, "10.0.0.9:2", members),
              AllOf(HasSubstr("bind 10.0.0.9:2\n"), HasSubstr("balance leastconn"),
                    HasSubstr("server m1 10.0.0.1:1\n"), HasSubstr("server m2 10.0.0.2:1\n"),
                    Not(HasSubstr("stick"))));
  EXPECT_THAT(
      haproxy_config(Scheme::session_id, "10.0.0.9:2", members),
      AllOf(HasSubstr("stick on payload_lv(43,1)"), HasSubstr("stick store-response payload_lv(43,1)")));
}

// What is shown. -----------------------------------------------------------------------------------

ClusterMeasurement measured(const ClusterCase& what, std::uint64_t completed, std::uint64_t abandoned,
                            std::uint64_t resumed, std::uint64_t declined, std::vector<double> cpu) {
  Result result;
  result.window_s = 10;
  result.window.sessions.started = completed + abandoned;
  result.window.sessions.completed = completed;
  result.window.sessions.abandoned[0][0] = abandoned;
  ConnectionTally& connections = result.window.connections;
  connections.handshakes_resumed = resumed;
  connections.handshakes_full = completed + declined;
  connections.resumption[0].offered[0] = completed;  // offer nothing
  connections.resumption[0].offered[1] = resumed + declined;
  connections.resumption[0].accepted[1] = resumed;
  return {.what = what, .results = {result}, .cpu = std::move(cpu)};
}

TEST(ClusterFigures, AreThoseOfAllGeneratorsTogether) {
  ClusterMeasurement measurement = measured({}, 80, 20, 300, 100, {0.05, 0.2, 0.1});
  measurement.results.push_back(measured({}, 100, 0, 500, 100, {}).results.front());
  const ClusterFigures f = figures_of(measurement, 0.2);
  EXPECT_DOUBLE_EQ(f.offered, 20);
  EXPECT_DOUBLE_EQ(f.completed, 18);
  EXPECT_DOUBLE_EQ(f.completed_share, 0.9);
  EXPECT_DOUBLE_EQ(f.resumed_share, 0.8);
  EXPECT_DOUBLE_EQ(f.full_share, 380.0 / 1180);
  EXPECT_DOUBLE_EQ(f.busiest, 1);
  EXPECT_DOUBLE_EQ(f.idlest, 0.25);
  EXPECT_DOUBLE_EQ(f.spread(), 0.75);
}

TEST(ClusterFigures, OfNothingAreZero) {
  const ClusterFigures f = figures_of({}, 0.2);
  EXPECT_EQ(f.completed_share, 0);
  EXPECT_EQ(f.full_share, 0);
  EXPECT_EQ(f.spread(), 0);
}

ClusterFindings some_findings() {
  ClusterFindings findings;
  findings.plan.cpus = 0.2;
  findings.measurements = {
      measured({Scheme::round_robin, false, Clients::even}, 50, 50, 100, 200, {0.2, 0.1, 0.1}),
      measured({Scheme::round_robin, true, Clients::even}, 100, 0, 300, 0, {0.1, 0.1, 0.11})};
  findings.notes = {"Measured <somewhere>."};
  return findings;
}

TEST(ClusterPage, SaysWhatMigrationIsWorth) {
  const auto lines = conclusions_of(some_findings());
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_THAT(lines[0], AllOf(HasSubstr("Without"), HasSubstr("33.3 %"), HasSubstr("50.0 %")));
  EXPECT_THAT(lines[1], AllOf(HasSubstr("With"), HasSubstr("100.0 %")));
  EXPECT_TRUE(conclusions_of(ClusterFindings{}).empty());
}

TEST(ClusterPage, ShowsEveryCaseAndEscapes) {
  ClusterFindings findings = some_findings();
  findings.stopped = true;
  Circumstances circumstances;
  circumstances.options.command_line = "lab <it>";
  const std::string page = cluster_page(findings, circumstances);
  EXPECT_THAT(page,
              AllOf(HasSubstr("Clients from many addresses"), HasSubstr("round robin"), HasSubstr("stopped"),
                    HasSubstr("lab &lt;it&gt;"), HasSubstr("&lt;somewhere&gt;"), Not(HasSubstr("<it>"))));
  EXPECT_THAT(page, Not(HasSubstr("behind two addresses"))) << "of which nothing was measured";
  EXPECT_THAT(page, HasSubstr("aria-label=\"CPU of the members: 100, 50, 50 percent\""));
}

TEST(ClusterJson, HasEveryCase) {
  const auto json = cluster_json(some_findings(), {});
  const auto& cases = json.at("cases").as_array();
  ASSERT_EQ(cases.size(), 2U);
  EXPECT_EQ(cases[0].at("scheme").as_string(), "round-robin");
  EXPECT_FALSE(cases[0].at("migration").as_bool());
  EXPECT_DOUBLE_EQ(cases[1].at("resumed_share").as_double(), 1);
}

}  // namespace
}  // namespace sluice::loadgen::lab
