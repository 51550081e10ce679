#include <filesystem>
#include <iostream>
#include <string>

#include "loadgen/report/html.hpp"
#include "loadgen/report/json.hpp"
#include "loadgen/report/text.hpp"
#include "tests/unit/loadgen_report/sample.hpp"

/// usage: loadgen_report_sample FOLDER    writes the reports of every sample there, to check and to look at
int main(int argc, char** argv) {
  using namespace sluice::loadgen;
  if (argc != 2) {
    std::cerr << "usage: loadgen_report_sample FOLDER\n";
    return 2;
  }
  const std::filesystem::path folder{argv[1]};
  const auto write = [&](const std::string& name, const Result& result) {
    write_file(folder / (name + ".json"), json_text(result));
    write_file(folder / (name + ".html"), html_report(result));
    write_file(folder / (name + ".txt"), summary(result));
  };
  std::filesystem::create_directories(folder);
  write("sessions", sample_sessions());
  write("ten_minutes", sample_sessions(600));
  write("requests", sample_requests());
  write("handshakes", sample_handshakes());
  return 0;
}
