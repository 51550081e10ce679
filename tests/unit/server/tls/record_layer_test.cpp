#include "server/tls/record_layer.hpp"

#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/tls/peer_records.hpp"

namespace sluice::tls {
namespace {

using What = Opened::What;

std::string bytes_of(std::string_view hex) {
  std::string digits;
  for (const char c : hex)
    if (c != ' ') digits.push_back(c);
  return from_hex(digits).value();
}

template <class Secret>
std::string hex_of(const Secret& secret, std::size_t size) {
  return to_hex({secret.data(), size});
}

RecordState state_for(std::uint16_t id) {
  const Suite suite = suite_of(id).value();
  if (suite.tls13()) {
    const std::string read(suite.hash_size(), 'r'), write(suite.hash_size(), 'w');
    return {.read = keys_from_traffic_secret(suite, as_bytes(read)),
            .write = keys_from_traffic_secret(suite, as_bytes(write))};
  }
  std::string block;
  for (std::size_t i = 0; i < 2 * (suite.key_size() + suite.iv_size()); ++i)
    block.push_back(static_cast<char>(i));
  RecordState state = keys_from_key_block(suite, as_bytes(block)).value();
  state.write.explicit_nonce = state.read.explicit_nonce = 0xfffffffffffffff0U;
  return state;
}

/// A layer and the peer's end.
struct Ends {
  explicit Ends(std::uint16_t suite, RecordLimits limits = {})
      : layer(state_for(suite), cache, limits), peer(state_for(suite).read) {}

  Opened open(std::string input) {
    received.assign(input.begin(), input.end());
    return layer.open(received, reply);
  }
  Opened say(const PeerRecord& record) { return open(seal_as_peer(peer, record)); }
  std::string said(const Opened& opened) const { return {opened.data.begin(), opened.data.end()}; }

  AeadCache cache{8};
  RecordLayer layer;
  RecordKeys peer;
  std::vector<std::uint8_t> received{};
  std::string reply{};
};

/// The layer of somebody who reads what `layer` writes.
RecordState turned(const RecordState& state) { return {.read = state.write, .write = state.read}; }

std::string sealed_by(RecordLayer& layer, std::string_view plain) {
  std::vector<std::uint8_t> out(RecordLayer::sealed_max(plain.size()));
  const std::size_t size = layer.seal(as_bytes(plain), out);
  return {out.begin(), out.begin() + static_cast<std::ptrdiff_t>(size)};
}

// --- keys ---

TEST(RecordKeys, AreThoseOfRfc8448) {  // section 3
  const Suite suite = suite_of(0x1301).value();
  const RecordKeys server = keys_from_traffic_secret(
      suite,
      as_bytes(bytes_of("a1 1a f9 f0 55 31 f8 56 ad 47 11 6b 45 a9 50 32 82 04 b4 f4 4b fb 6b 3a 4b 4f 1f 3f "
                        "cb 63 16 43")));
  EXPECT_EQ(hex_of(server.key, 16), "9f02283b6c9c07efc26bb9f2ac92e356");
  EXPECT_EQ(hex_of(server.iv, 12), "cf782b88dd83549aadf1e984");
  const RecordKeys client = keys_from_traffic_secret(
      suite,
      as_bytes(bytes_of("9e 40 64 6c e7 9a 7f 9d c0 5a f8 88 9b ce 65 52 87 5a fa 0b 06 df 00 87 f7 92 eb b7 "
                        "c1 75 04 a5")));
  EXPECT_EQ(hex_of(client.key, 16), "17422dda596ed5d9acd890e3c63f5051");
  EXPECT_EQ(hex_of(client.iv, 12), "5b78923dee08579033e523d9");
}

TEST(RecordLayer, SpeaksTheRecordsOfRfc8448) {
  const Suite suite = suite_of(0x1301).value();
  RecordState state{
      .read = keys_from_traffic_secret(
          suite, as_bytes(bytes_of("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5"))),
      .write = keys_from_traffic_secret(
          suite, as_bytes(bytes_of("a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643")))};
  state.write.sequence = 1;  // behind the ticket
  std::string content;
  for (char c = 0; c < 50; ++c) content.push_back(c);
  AeadCache cache;
  RecordLayer layer(state, cache);
  std::string reply;
  const std::string data = bytes_of(
      "17 03 03 00 43 a2 3f 70 54 b6 2c 94 d0 af fa fe 82 28 ba 55 cb ef ac ea 42 f9 14 aa 66 bc ab 3f 2b 98 "
      "19 a8 "
      "a5 b4 6b 39 5b d5 4a 9a 20 44 1e 2b 62 97 4e 1f 5a 62 92 a2 97 70 14 bd 1e 3d ea e6 3a ee bb 21 69 49 "
      "15 e4");
  std::vector<std::uint8_t> input(data.begin(), data.end());
  const Opened opened = layer.open(input, reply);
  ASSERT_EQ(opened.what, What::data);
  EXPECT_EQ(std::string(opened.data.begin(), opened.data.end()), content);
  EXPECT_EQ(to_hex(as_bytes(sealed_by(layer, content))),
            "1703030043"
            "2e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf97d90e6dffc602dcb501a59a8fcc49c4bf2"
            "e5f0a21c"
            "0047c2abf332540dd032e167c2955d");
  std::string alert;
  layer.append_alert(Alert::close_notify, alert);
  EXPECT_EQ(to_hex(as_bytes(alert)), "1703030013b58fd67166ebf599d24720cfbe7efa7a8864a9");
  const std::string end = bytes_of("17 03 03 00 13 c9 87 27 60 65 56 66 b7 4d 7f f1 15 3e fd 6d b6 d0 b0 e3");
  std::vector<std::uint8_t> last(end.begin(), end.end());
  EXPECT_EQ(layer.open(last, reply).what, What::closed);
}

TEST(SuiteOf, KnowsTheAeadSuitesAndNoOthers) {
  for (const std::uint16_t id : {0x1301, 0x1302, 0x1303, 0xc02b, 0xc02c, 0xc02f, 0xc030, 0xcca8, 0xcca9})
    EXPECT_EQ(suite_of(id).value().id, id);
  for (const std::uint16_t id : {0x0000, 0x1304, 0x009c, 0xc013, 0xc027}) EXPECT_FALSE(suite_of(id)) << id;
}

// --- every suite ---

class Records : public testing::TestWithParam<std::uint16_t> {
 protected:
  bool tls13() const { return suite_of(GetParam())->tls13(); }
};
class Records13 : public Records {};
class Records12 : public Records {};

std::string name_of(const testing::TestParamInfo<std::uint16_t>& suite) {
  return to_hex(
      std::array{static_cast<std::uint8_t>(suite.param >> 8), static_cast<std::uint8_t>(suite.param)});
}
INSTANTIATE_TEST_SUITE_P(Suites, Records, testing::Values(0x1301, 0x1302, 0x1303, 0xc02b, 0xc02c, 0xcca9),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Suites, Records13, testing::Values(0x1301, 0x1302, 0x1303), name_of);
INSTANTIATE_TEST_SUITE_P(Suites, Records12, testing::Values(0xc02b, 0xc02c, 0xcca9), name_of);

TEST_P(Records, SayToThePeerWhatWasSealed) {
  AeadCache cache;
  RecordLayer writer(state_for(GetParam()), cache);
  RecordLayer reader(turned(state_for(GetParam())), cache);
  std::string reply;
  for (const std::size_t size : {1U, 2U, 15U, 16U, 17U, 1000U, 16383U, 16384U}) {
    const std::string plain(size, static_cast<char>('a' + size % 26));
    std::string record = sealed_by(writer, plain);
    EXPECT_EQ(record.size(), size + writer.state().write.suite.overhead());
    std::vector<std::uint8_t> input(record.begin(), record.end());
    const Opened opened = reader.open(input, reply);
    ASSERT_EQ(opened.what, What::data) << size;
    EXPECT_EQ(opened.consumed, record.size());
    EXPECT_TRUE(std::equal(plain.begin(), plain.end(), opened.data.begin(), opened.data.end()));
  }
  EXPECT_TRUE(reply.empty());
}

TEST_P(Records, OfManyConnectionsInOneCacheKeepApart) {
  AeadCache cache(2);  // so that they push each other out
  std::vector<std::unique_ptr<Ends>> ends;
  for (int i = 0; i < 5; ++i) ends.push_back(std::make_unique<Ends>(GetParam()));
  RecordLayer writer(state_for(GetParam()), cache), other(state_for(GetParam()), cache);
  RecordLayer reader(turned(state_for(GetParam())), cache), another(turned(state_for(GetParam())), cache);
  std::string reply;
  for (int round = 0; round < 20; ++round) {
    for (auto [from, to] : {std::pair{&writer, &reader}, std::pair{&other, &another}}) {
      const std::string record = sealed_by(*from, "round " + std::to_string(round));
      std::vector<std::uint8_t> input(record.begin(), record.end());
      ASSERT_EQ(to->open(input, reply).what, What::data);
    }
  }
}

TEST_P(Records, NeedTheWholeRecord) {
  Ends ends(GetParam());
  const std::string record = seal_as_peer(ends.peer, {.content = "hello"});
  for (std::size_t size = 0; size < record.size(); ++size) {
    const Opened opened = ends.open(record.substr(0, size));
    ASSERT_EQ(opened.what, What::need_more) << size;
    ASSERT_EQ(opened.consumed, 0U);
  }
  EXPECT_EQ(ends.said(ends.open(record + "rest")), "hello");
}

TEST_P(Records, AnyBitChangedIsNoticed) {
  const std::string record = [&] {
    Ends ends(GetParam());
    return seal_as_peer(ends.peer, {.content = "hello"});
  }();
  for (std::size_t bit = 0; bit < record.size() * 8; ++bit) {
    Ends ends(GetParam());
    std::string changed = record;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ 1 << bit % 8);
    const Opened opened = ends.open(changed + std::string(40'000, 'x'));  // if only the length was changed
    ASSERT_EQ(opened.what, What::violation) << bit;
    if (bit >= 40) {
      ASSERT_EQ(opened.alert, Alert::bad_record_mac) << bit;
    }
  }
}

TEST_P(Records, AgainOrOutOfOrderAreRefused) {
  {
    Ends ends(GetParam());
    const std::string record = seal_as_peer(ends.peer, {.content = "once"});
    EXPECT_EQ(ends.open(record).what, What::data);
    EXPECT_EQ(ends.open(record).alert, Alert::bad_record_mac);
  }
  Ends ends(GetParam());
  seal_as_peer(ends.peer, {.content = "first"});
  EXPECT_EQ(ends.say({.content = "second"}).alert, Alert::bad_record_mac);
}

TEST_P(Records, BoundTheirLength) {
  EXPECT_EQ(Ends(GetParam()).say({.content = std::string(kPlaintextMax, 'x')}).what, What::data);
  EXPECT_EQ(Ends(GetParam()).say({.content = std::string(kPlaintextMax + 1, 'x')}).alert,
            Alert::record_overflow);
  EXPECT_EQ(Ends(GetParam()).open(std::string("\x17\x03\x03\x41\x01", 5)).alert, Alert::record_overflow);
  Ends ends(GetParam());
  EXPECT_EQ(ends.open(std::string("\x17\x03\x03\x00\x0f", 5) + std::string(15, 'x')).alert,
            Alert::bad_record_mac);
}

TEST_P(Records, EndForGood) {
  Ends ends(GetParam());
  EXPECT_EQ(ends.say({.type = 21, .content = std::string("\1\0", 2)}).what, What::closed);
  const Opened behind = ends.say({.content = "behind the end"});
  EXPECT_EQ(behind.what, What::closed);
  EXPECT_TRUE(behind.data.empty());
  Ends broken(GetParam());
  std::string record = seal_as_peer(broken.peer, {.content = "x"});
  record.back() = static_cast<char>(record.back() ^ 1);
  EXPECT_EQ(broken.open(record).what, What::violation);
  EXPECT_TRUE(broken.say({.content = "y"}).data.empty());
}

TEST_P(Records, SealNothingBehindAnEnd) {
  for (const Alert alert : {Alert::close_notify, Alert::bad_record_mac}) {
    Ends ends(GetParam());
    std::string out;
    ends.layer.append_alert(alert, out);
    EXPECT_FALSE(out.empty());
    EXPECT_EQ(sealed_by(ends.layer, "x"), "");
    const std::string before = out;
    ends.layer.append_alert(Alert::close_notify, out);
    EXPECT_EQ(out, before);
  }
}

TEST_P(Records, ThatSayNothingAreBounded) {
  Ends ends(GetParam());
  for (int i = 0; i < 32; ++i) ASSERT_EQ(ends.say({}).what, What::nothing) << i;
  EXPECT_EQ(ends.say({}).alert, Alert::unexpected_message);
  Ends patient(GetParam());
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(patient.say({}).what, What::nothing);
    ASSERT_EQ(patient.say({.content = "x"}).what, What::data);
  }
}

TEST_P(Records, NeverUseANonceTwice) {
  Ends ends(GetParam(), {.records_per_key = 50});
  const Suite suite = ends.layer.state().write.suite;
  std::set<std::string> seen;
  for (int i = 0; i < 2000; ++i) {
    if (i % 7 == 3)
      ends.say({.type = 22, .content = std::string("\x18\0\0\1\1", 5)});  // answered with our KeyUpdate
    const RecordKeys before = ends.layer.state().write;
    const auto nonce = nonce_of(before, before.explicit_nonce);
    ASSERT_TRUE(seen.insert(hex_of(before.key, suite.key_size()) + to_hex(nonce)).second) << i;
    if (sealed_by(ends.layer, "x").empty()) break;
    if (suite.tls13() && i % 7 == 3) ends.peer = next_generation(ends.peer);
    ends.say({.content = "y"});  // so that KeyUpdates are not in a row
  }
  EXPECT_GE(seen.size(), 1000U);
}

// --- TLS 1.3 ---

TEST_P(Records13, MayBePadded) {
  Ends ends(GetParam());
  EXPECT_EQ(ends.said(ends.say({.content = std::string("a\0", 2), .padding = 255})), std::string("a\0", 2));
  EXPECT_EQ(ends.say({.padding = 20}).what, What::nothing);
  EXPECT_EQ(ends.say({.padding = 20, .without_type = true}).alert, Alert::unexpected_message);
}

TEST_P(Records13, KeyUpdateReplacesTheKeyOfItsSenderOnly) {
  Ends ends(GetParam());
  const auto write_key = hex_of(ends.layer.state().write.key, 16);
  EXPECT_EQ(ends.say({.type = 22, .content = std::string("\x18\0\0\1\0", 5)}).what, What::nothing);
  EXPECT_TRUE(ends.reply.empty());
  EXPECT_EQ(hex_of(ends.layer.state().write.key, 16), write_key);
  ends.peer = next_generation(ends.peer);
  EXPECT_EQ(ends.said(ends.say({.content = "new key"})), "new key");
}

TEST_P(Records13, KeyUpdateIsAnsweredWhenAskedFor) {
  Ends ends(GetParam());
  AeadCache cache;
  RecordLayer client(turned(ends.layer.state()), cache);
  ends.say({.type = 22, .content = std::string("\x18\0\0\1\1", 5)});
  std::vector<std::uint8_t> input(ends.reply.begin(), ends.reply.end());
  std::string nothing;
  EXPECT_EQ(client.open(input, nothing).what, What::nothing);
  EXPECT_TRUE(nothing.empty()) << "an answer asks for none";
  const std::string record = sealed_by(ends.layer, "under the new key");
  input.assign(record.begin(), record.end());
  EXPECT_EQ(client.open(input, nothing).what, What::data);
}

TEST_P(Records13, ReplaceTheirKeyInTime) {
  Ends ends(GetParam(), {.records_per_key = 3});
  AeadCache cache;
  RecordLayer client(turned(ends.layer.state()), cache);
  std::string nothing, said;
  for (int i = 0; i < 10; ++i) {
    const std::string records = sealed_by(ends.layer, "x");
    std::vector<std::uint8_t> input(records.begin(), records.end());
    for (std::span<std::uint8_t> rest = input; !rest.empty();) {
      const Opened opened = client.open(rest, nothing);
      ASSERT_NE(opened.what, What::violation);
      said.append(opened.data.begin(), opened.data.end());
      rest = rest.subspan(opened.consumed);
    }
  }
  EXPECT_EQ(said, "xxxxxxxxxx");
  EXPECT_FALSE(ends.layer.wants_end());
  EXPECT_LT(ends.layer.state().write.sequence, 4U);
}

TEST_P(Records13, KeyUpdatesInARowAreBounded) {
  Ends ends(GetParam());
  Opened opened{.what = What::nothing};
  int count = 0;
  for (; opened.what == What::nothing; ++count) {
    opened = ends.say({.type = 22, .content = std::string("\x18\0\0\1\0", 5)});
    ends.peer = next_generation(ends.peer);
  }
  EXPECT_EQ(count, 33);
  EXPECT_EQ(opened.alert, Alert::unexpected_message);
}

TEST_P(Records13, MessagesThatDoNotBelongHere) {
  const auto handshake = [&](std::string content) {
    return Ends(GetParam()).say({.type = 22, .content = content});
  };
  EXPECT_EQ(handshake("").alert, Alert::unexpected_message);
  EXPECT_EQ(handshake(std::string("\1\0\0\0", 4)).alert, Alert::unexpected_message) << "ClientHello";
  EXPECT_EQ(handshake(std::string("\x18\0\0\2\0\0", 6)).alert, Alert::decode_error);
  EXPECT_EQ(handshake(std::string("\x18\0\0\1\2", 5)).alert, Alert::illegal_parameter);
  EXPECT_EQ(handshake(std::string("\x18\0\0\1\0\x18\0\0\1\0", 10)).alert, Alert::unexpected_message);
  EXPECT_EQ(Ends(GetParam()).say({.type = 20, .content = "\1"}).alert, Alert::unexpected_message);
  EXPECT_EQ(Ends(GetParam()).say({.type = 99, .content = "x"}).alert, Alert::unexpected_message);
  EXPECT_EQ(Ends(GetParam()).open(std::string("\x16\x03\x03\x00\x01\x01", 6)).alert,
            Alert::unexpected_message);
}

TEST_P(Records13, AKeyUpdateMayComeInPieces) {
  Ends ends(GetParam());
  for (const char* piece : {"\x18", "\0", "\0\1"}) {
    const std::string content(piece, piece[0] == 0 && piece[1] == 1 ? 2 : 1);
    ASSERT_EQ(ends.say({.type = 22, .content = content}).what, What::nothing);
  }
  Ends between(GetParam());
  between.say({.type = 22, .content = "\x18"});
  EXPECT_EQ(between.say({.content = "x"}).alert, Alert::unexpected_message);
  EXPECT_EQ(ends.say({.type = 22, .content = std::string("\0", 1)}).what, What::nothing);
  ends.peer = next_generation(ends.peer);
  EXPECT_EQ(ends.said(ends.say({.content = "new key"})), "new key");
}

TEST_P(Records13, Alerts) {
  const auto alert = [&](std::string content) {
    return Ends(GetParam()).say({.type = 21, .content = content});
  };
  EXPECT_EQ(alert(std::string("\2\0", 2)).what, What::closed) << "levels mean nothing";
  EXPECT_EQ(alert("\1\x5a").what, What::nothing) << "user_canceled";
  EXPECT_EQ(alert("\1\x28").what, What::peer_alert);
  EXPECT_EQ(alert("\2\x28").what, What::peer_alert);
  EXPECT_EQ(alert("\2").alert, Alert::decode_error);
  EXPECT_EQ(alert("").alert, Alert::unexpected_message);
}

TEST_P(Records13, StrayChangeCipherSpecsAreDropped) {
  Ends ends(GetParam());
  EXPECT_EQ(ends.open(std::string("\x14\x03\x03\x00\x01\x01", 6)).what, What::nothing);
  EXPECT_EQ(ends.say({.content = "x"}).what, What::data);
  EXPECT_EQ(ends.open(std::string("\x14\x03\x03\x00\x01\x02", 6)).alert, Alert::unexpected_message);
}

// --- TLS 1.2 ---

TEST_P(Records12, NobodyRenegotiates) {
  Ends ends(GetParam());
  AeadCache cache;
  RecordLayer client(turned(ends.layer.state()), cache);
  EXPECT_EQ(ends.say({.type = 22, .content = std::string("\1\0\0\0", 4)}).what, What::nothing);
  std::vector<std::uint8_t> input(ends.reply.begin(), ends.reply.end());
  std::string nothing;
  EXPECT_EQ(client.open(input, nothing).what, What::nothing) << "a warning";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ends.say({.type = 22, .content = "x"}).what, What::nothing);
  EXPECT_EQ(ends.say({.type = 22, .content = "x"}).alert, Alert::unexpected_message);
}

TEST_P(Records12, Alerts) {
  const auto alert = [&](std::string content) {
    return Ends(GetParam()).say({.type = 21, .content = content});
  };
  EXPECT_EQ(alert(std::string("\1\0", 2)).what, What::closed);
  EXPECT_EQ(alert("\1\x5a").what, What::nothing);
  EXPECT_EQ(alert("\2\x28").what, What::peer_alert);
  EXPECT_EQ(alert("\3\x28").alert, Alert::illegal_parameter);
  EXPECT_EQ(alert("\1").alert, Alert::decode_error);
  EXPECT_EQ(Ends(GetParam()).say({.type = 20, .content = "\1"}).alert, Alert::unexpected_message);
}

TEST_P(Records12, ContinueTheExplicitNonce) {
  Ends ends(GetParam());
  if (!ends.layer.state().write.suite.explicit_nonce()) return;
  EXPECT_EQ(to_hex(as_bytes(sealed_by(ends.layer, "x").substr(5, 8))), "fffffffffffffff0");
  EXPECT_EQ(to_hex(as_bytes(sealed_by(ends.layer, "x").substr(5, 8))), "fffffffffffffff1");
}

TEST_P(Records12, AskToBeEndedInTime) {
  Ends ends(GetParam(), {.records_per_key = 3});
  EXPECT_FALSE(ends.layer.wants_end());
  sealed_by(ends.layer, "x");
  sealed_by(ends.layer, "x");
  EXPECT_TRUE(ends.layer.wants_end());
}

TEST_P(Records12, SayTheRightVersion) {
  EXPECT_EQ(Ends(GetParam()).say({.content = "x", .version = 0x0301}).alert, Alert::protocol_version);
}

}  // namespace
}  // namespace sluice::tls
