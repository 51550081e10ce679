#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/listener.hpp"

/// Listening sockets that this process took over from another, until those who shall use them do. One thread.
namespace sluice::server {

class Inheritance {
 public:
  /// `setting`: by which it is configured; `address`: as it is written there.
  void add(std::string setting, std::string address, Listener listener) {
    listeners_.push_back({std::move(setting), std::move(address), std::move(listener)});
  }
  /// All for that address; what nobody takes is closed with this.
  std::vector<Listener> take(std::string_view setting, std::string_view address) {
    std::vector<Listener> taken;
    for (Entry& entry : listeners_) {
      if (entry.setting == setting && entry.address == address && entry.listener.fd() >= 0)
        taken.push_back(std::move(entry.listener));
    }
    return taken;
  }
  /// The descriptor of the only one; -1 when there is none.
  int take_one(std::string_view setting, std::string_view address) {
    auto taken = take(setting, address);
    return taken.empty() ? -1 : taken.front().release();
  }

 private:
  struct Entry {
    std::string setting, address;
    Listener listener;
  };
  std::vector<Entry> listeners_;
};

/// One that another process may take over.
struct Inheritable {
  std::string setting{}, address{};
  int fd = -1;
};

}  // namespace sluice::server
