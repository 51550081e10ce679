#pragma once
#include <string>
#include <vector>

/// The commands of `sluice-tcp`, with what their options say, as words.
namespace sluice::cluster::tcp {

struct Words {
  std::string interface {};     ///< Where clients' frames come in.
  std::string out{};            ///< By which redirected ones leave; empty: the same.
  std::string redirect = "tc";  ///< Or nft.
  std::string pins = "/sys/fs/bpf/sluice-tcp";
  std::vector<std::string> locals{};  ///< address:port
  std::size_t flows = 65'536;         ///< Redirected at a time.
  unsigned idle_s = 3'600;            ///< After which a redirect ends.
  std::string secret_file{};
  std::string
      listen{};  ///< Where orders are taken; empty: nowhere (a member), which `direct` does not accept.
  // Of `serve` only.
  std::string socket = "/run/sluice/tcp.sock";
  std::string user = "root";
  std::string director{};  ///< Of the tier in front; empty: there is none that takes orders.
};

/// Beside a server. Until SIGTERM or SIGINT; SIGUSR1 prints counts. Throws a sentence.
void serve(const Words& words);
/// In front of members.
void direct(const Words& words);

}  // namespace sluice::cluster::tcp
