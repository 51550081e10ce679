#include "loadgen/lab/page_parts.hpp"

#include <cmath>
#include <filesystem>

#include <boost/json/serialize.hpp>

#include "loadgen/error.hpp"
#include "loadgen/report/chart.hpp"
#include "loadgen/report/json.hpp"

namespace sluice::loadgen::lab {

namespace json = boost::json;

std::string tag(const char* name, const std::string& content) {
  return "<" + std::string(name) + ">" + content + "</" + name + ">";
}

std::string list(const std::vector<std::string>& lines) {
  std::string items;
  for (const std::string& line : lines) items += tag("li", escape_html(line));
  return items.empty() ? "" : tag("ul", items);
}

std::string fact(const std::string& name, const std::string& value) {
  return value.empty()
             ? ""
             : tag("tr", tag("th", escape_html(name)) + "<td class=\"word\">" + escape_html(value) + "</td>");
}

std::string machine_facts(const Circumstances& c) {
  return fact("server", c.server_version) + fact("CPU", c.machine.cpu) +
         fact("CPUs", std::to_string(c.machine.cpus)) + fact("kernel", c.machine.kernel) +
         fact("OpenSSL", c.machine.openssl) + fact("date", c.machine.date);
}

std::string how_measured(const std::string& rows, const std::string& command_line) {
  return "<h2>How it was measured</h2><table><tbody>" + rows + "</tbody></table>" +
         (command_line.empty()
              ? ""
              : "<p>To repeat it:</p><pre class=\"scroll\">" + escape_html(command_line) + "</pre>");
}

json::value number(double value) { return std::isfinite(value) ? json::value(value) : json::value(nullptr); }
json::value number(const std::optional<double>& value) {
  return value ? number(*value) : json::value(nullptr);
}

json::object machine_json(const Machine& machine) {
  return {{"cpu", machine.cpu},
          {"cpus", machine.cpus},
          {"kernel", machine.kernel},
          {"openssl", machine.openssl},
          {"date", machine.date}};
}

void write_findings(const LabOptions& options, const std::string& page, const json::object& json,
                    const std::vector<std::string>& conclusions, bool stopped, std::ostream& progress) {
  const std::string folder = options.out.empty() ? "lab-" + options.experiment : options.out;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw RunError("can't make the folder " + folder + ": " + error.message());
  write_file(folder + "/lab.json", json::serialize(json));
  write_file(folder + "/index.html", page);
  for (const std::string& line : conclusions) progress << line << std::endl;
  progress << (stopped ? "stopped; what there is stands in " : "see ") << folder << "/index.html"
           << std::endl;
}

}  // namespace sluice::loadgen::lab
