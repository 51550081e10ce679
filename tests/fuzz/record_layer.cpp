#include <cstdlib>
#include <string>
#include <vector>

#include "server/tls/record_layer.hpp"
#include "tests/support/tls/peer_records.hpp"

using namespace sluice::tls;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

/// Takes bytes off the input; zeros behind its end.
class Script {
 public:
  Script(const std::uint8_t* data, std::size_t size) : at_(data), end_(data + size) {}
  bool over() const { return at_ == end_; }
  std::uint8_t byte() { return over() ? 0 : *at_++; }
  std::string bytes(std::size_t count) {
    std::string taken;
    while (taken.size() < count && !over()) taken.push_back(static_cast<char>(byte()));
    return taken;
  }

 private:
  const std::uint8_t* at_;
  const std::uint8_t* end_;
};

RecordState state_for(const Suite& suite) {
  RecordState state;
  for (RecordKeys* keys : {&state.read, &state.write}) {
    const std::string secret(suite.hash_size(), keys == &state.read ? 'r' : 'w');
    if (suite.tls13()) {
      *keys = keys_from_traffic_secret(suite, sluice::as_bytes(secret));
    } else {
      keys->suite = suite;
      keys->sequence = 1;
    }
  }
  return state;
}

}  // namespace

/// The input is a script: a suite, then what the peer sends, in the clear or sealed with the right keys. The
/// layer must neither read nor write outside its bounds, must go on or end for good, and must say nothing
/// that was not sealed by the peer.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static constexpr std::uint16_t kSuites[] = {0x1301, 0x1302, 0x1303, 0xc02b, 0xc02c, 0xcca9};
  Script script(data, size);
  const Suite suite = *suite_of(kSuites[script.byte() % 6]);
  AeadCache cache(4);
  RecordLayer layer(state_for(suite), cache);
  RecordKeys peer = layer.state().read;
  std::string input, reply, said, expected;
  bool over = false;
  while (!script.over()) {
    switch (script.byte() % 4) {
      case 0: input += script.bytes(script.byte()); break;
      case 1:
      case 2: {
        PeerRecord record{.type = script.byte()};
        record.content = script.bytes(script.byte());
        record.padding = script.byte();
        record.without_type =
            record.type == 0;  // which is padding, and what is in front of it would be the type
        if (record.without_type) record.content.clear();
        if (record.type == 23) expected += record.content;
        const bool key_update = suite.tls13() && record.type == 22 && record.content.size() == 5 &&
                                record.content.starts_with(std::string("\x18\0\0\1", 4));
        input += seal_as_peer(peer, record);
        if (key_update) peer = next_generation(peer);
        break;
      }
      case 3:
        if (!input.empty()) input.resize(input.size() - 1 - script.byte() % input.size());
        break;
    }
    while (true) {
      std::vector<std::uint8_t> bytes(input.begin(), input.end());
      const Opened opened = layer.open(bytes, reply);
      require(opened.consumed <= bytes.size());
      if (opened.what == Opened::What::need_more) break;
      if (over) require(opened.what == Opened::What::closed && opened.consumed == bytes.size());
      over = over || (opened.what != Opened::What::data && opened.what != Opened::What::nothing);
      if (opened.what == Opened::What::data) {
        require(!opened.data.empty() && opened.data.data() >= bytes.data() &&
                opened.data.data() + opened.data.size() <= bytes.data() + bytes.size());
        said.append(opened.data.begin(), opened.data.end());
      }
      input.erase(0, opened.consumed);
      if (over) break;
    }
    require(reply.size() <= size * 64);
  }
  require(expected.starts_with(said) || said.empty());
  return 0;
}
