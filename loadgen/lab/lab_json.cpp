#include <boost/json/array.hpp>
#include <boost/json/value_from.hpp>

#include "loadgen/lab/page.hpp"
#include "loadgen/lab/page_parts.hpp"
#include "loadgen/report/json.hpp"

namespace sluice::loadgen::lab {

namespace {

namespace json = boost::json;

json::object conditions_json(const Conditions& c, const LabOptions& options) {
  return {{"model", options.model},
          {"think", c.think},
          {"session_length", c.session_length},
          {"timeout_s", c.timeout_s},
          {"warmup_s", c.warmup_s},
          {"window_s", c.window_s},
          {"repeats", c.repeats},
          {"shop_users", c.shop_users},
          {"shop_items", c.shop_items},
          {"tls", options.tls},
          {"resume", options.resume.empty() ? "per-user" : options.resume},
          {"server_settings", json::value_from(options.settings)},
          {"seed", options.seed},
          {"scaling", c.scaling},
          {"costs", c.costs}};
}

json::object search_json(const Search& search) {
  json::array probes;
  for (const Probe& probe : search.probes) {
    probes.push_back(json::object{{"rate", probe.rate},
                                  {"unsuccessful", probe.unsuccessful},
                                  {"cpu_share", number(probe.cpu_share)},
                                  {"client_limited", probe.client_limited}});
  }
  return {{"processors", search.capacity.processors},
          {"certificate", name_of(search.capacity.certificate)},
          {"rate", search.found.rate},
          {"given", search.given},
          {"bracketed", search.found.bracketed},
          {"client_limited", search.found.client_limited},
          {"probes", std::move(probes)}};
}

json::object variant_json(const Variant& variant) {
  return {{"name", variant.name},
          {"policy", variant.policy},
          {"processors", variant.processors},
          {"certificate", name_of(variant.certificate)},
          {"keepalive_s", variant.keepalive_s},
          {"attack", variant.attack}};
}

json::object point_json(const Findings& findings, const Measurement& measurement) {
  const Point& point = measurement.point;
  return {{"variant", point.variant},
          {"x", findings.plan.xs[point.x]},
          {"repeat", point.repeat},
          {"seed", point.seed},
          {"rate", measurement.rate},
          {"server_cpu", number(measurement.server_cpu)},
          {"result", to_json(measurement.result)}};
}

}  // namespace

json::object lab_json(const Findings& findings, const Circumstances& circumstances) {
  json::array searches, variants, points;
  for (const Search& search : findings.searches) searches.push_back(search_json(search));
  for (const Variant& variant : findings.plan.variants) variants.push_back(variant_json(variant));
  for (const Measurement& done : findings.measurements) points.push_back(point_json(findings, done));
  return {{"schema", kLabSchema},
          {"experiment", findings.plan.experiment.name},
          {"command_line", circumstances.options.command_line},
          {"server", circumstances.server_version},
          {"machine", machine_json(circumstances.machine)},
          {"conditions", conditions_json(findings.plan.conditions, circumstances.options)},
          {"notes", json::value_from(findings.notes)},
          {"stopped", findings.stopped},
          {"saturation", std::move(searches)},
          {"variants", std::move(variants)},
          {"points", std::move(points)}};
}

}  // namespace sluice::loadgen::lab
