#pragma once
#include <string>
#include <vector>

#include "node/cluster_node.hpp"
#include "node/node.hpp"

/// The commands that every application has. Each returns the exit code and throws with a sentence.
namespace sluice::node {

struct ConfigSources {
  std::string file{};               ///< -c
  std::vector<std::string> sets{};  ///< --set key=value, in order.
  bool dev = false;
  unsigned dev_port = 0;               ///< 0: as configured, or 8443.
  std::vector<std::string> command{};  ///< Binary and arguments, to be started again in an upgrade.
};

/// Settings of server and application with all sources applied. Keeps what it was made from.
struct LoadedConfig {
  server::Config config;
  ClusterConfig cluster;
  server::Settings settings;
  std::vector<server::Problem> problems;
};
std::unique_ptr<LoadedConfig> load(const Application& application, const ConfigSources& sources);

int serve(const Application& application, const ConfigSources& sources);
int check(const Application& application, const ConfigSources& sources);
int print_config(const Application& application, const ConfigSources& sources, bool origin);
int generate_certificate(const std::vector<std::string>& names, const std::string& certificate_file,
                         const std::string& key_file, unsigned days);
/// Certificates of a cluster's members: NAME.pem and NAME-key.pem, signed by authority.pem with
/// authority-key.pem, which are made when they are not there. The authority's key is for the operator; no
/// member needs it.
int generate_members(const std::vector<std::string>& names, const std::filesystem::path& folder,
                     unsigned days);
/// `argument`: of `policy`, else empty.
int control(const std::string& admin_url, const std::string& token, const std::string& what,
            const std::string& argument);
int version(const Application& application, bool json);

/// Fills in what `--dev` brings: certificate, loopback listeners, a state directory of the user's own.
void prepare_dev(const Application& application, server::Config& config);

/// Throws when it can't be read.
std::string read_file(const std::filesystem::path& path);

/// Writes through a temporary file beside `path`, so that no half-written file is ever seen. `secret`: mode
/// 0600.
void write_file(const std::filesystem::path& path, std::string_view content, bool secret);

}  // namespace sluice::node
