#include "cluster/tcp/helper.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <filesystem>

#include <gtest/gtest.h>

#include "cluster/tcp/link.hpp"
#include "cluster/tcp/memory.hpp"
#include "tests/unit/cluster_tcp/samples.hpp"

namespace sluice::cluster::tcp {
namespace {

using namespace std::chrono_literals;

const Place kPlace{.mac = {2, 0, 0, 0, 0, 1}};

/// Stands in for sluice-tcp: answers as the test says.
class Stub {
 public:
  Stub(boost::asio::io_context& io, const std::string& path)
      : io_(io), listener_(io.get_executor(), listen(path)) {
    accept();
  }
  ~Stub() { hang_up(); }

  std::function<void(Message, Descriptor)> on_message = [](Message, Descriptor) {};
  void say(const Message& message, Descriptor beside = {}) { link_->send(message, std::move(beside)); }
  void hang_up() {
    if (link_) link_->close();
  }

 private:
  static int listen(const std::string& path) {
    ::unlink(path.c_str());
    Descriptor socket{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::ranges::copy(path, address.sun_path);
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(socket.get(), 4), 0);
    return socket.release();
  }
  void accept() {
    listener_.async_wait(decltype(listener_)::wait_read, [this](const auto& error) {
      if (error) return;
      link_ = std::make_shared<Link>(io_, Descriptor{::accept(listener_.native_handle(), nullptr, nullptr)});
      link_->start(
          [this](Message message, Descriptor beside) {
            if (std::holds_alternative<Hello>(message)) return say(Welcome{.place = kPlace});
            on_message(std::move(message), std::move(beside));
          },
          [](const std::string&) {});
      accept();
    });
  }

  boost::asio::io_context& io_;
  boost::asio::posix::basic_stream_descriptor<Executor> listener_;
  std::shared_ptr<Link> link_;
};

class TcpHelper : public testing::Test {
 protected:
  ~TcpHelper() override { std::filesystem::remove_all(folder_); }

  void run_until(const std::function<bool()>& condition) {
    const auto end = Monotonic::now() + 20s;
    io_.restart();
    while (!condition() && Monotonic::now() < end) io_.run_one_for(100ms);
    ASSERT_TRUE(condition());
  }
  void start_both() {
    stub_.emplace(io_, path_);
    helper_.start();
    run_until([&] { return helper_.ready(); });
  }

  static std::filesystem::path make_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "sluice-XXXXXX").string();
    return ::mkdtemp(name.data());
  }

  const std::filesystem::path folder_ = make_folder();
  const std::string path_ = (folder_ / "tcp.sock").string();
  boost::asio::io_context io_{1};
  std::optional<Stub> stub_;
  Helper helper_{io_, {.socket = path_, .patience = 100ms, .again = 300ms, .retry = 5ms}};
};

TEST_F(TcpHelper, WithoutOneEveryCallFailsWithASentence) {
  helper_.start();
  std::string why;
  helper_.hold(flow_v4(), {}, [&](Answer<Done> answer) { why = answer.error().why; });
  EXPECT_TRUE(why.empty()) << "not from within";
  run_until([&] { return !why.empty(); });
  EXPECT_NE(why.find("not there"), std::string::npos) << why;
  EXPECT_FALSE(helper_.ready());
  EXPECT_FALSE(helper_.trouble().empty());
}

TEST_F(TcpHelper, SaysWhereTheMemberTakesFrames) {
  start_both();
  EXPECT_EQ(helper_.place(), to_bytes(kPlace));
  EXPECT_TRUE(helper_.trouble().empty());
}

TEST_F(TcpHelper, PassesStatesAndSocketsOn) {
  start_both();
  const std::vector<std::uint8_t> state(300'000, 7);
  stub_->on_message = [&](Message message, Descriptor beside) {
    if (const auto* dump = std::get_if<DumpSocket>(&message))
      stub_->say(Dumped{dump->id, 5}, sealed_memory(state));
    if (const auto* restore = std::get_if<Restore>(&message)) {
      EXPECT_EQ(read_memory(beside.get(), 1 << 20), state);
      stub_->say(Restored{restore->id}, Descriptor{::dup(0)});
    }
  };
  std::optional<Dump> dumped;
  bool restored = false;
  const auto id =
      helper_.dump(0, to_bytes(kPlace), [&](Answer<Dump> answer) { dumped = *std::move(answer); });
  run_until([&] { return dumped.has_value(); });
  EXPECT_EQ(dumped->state, state);
  EXPECT_EQ(dumped->redirected_at.time_since_epoch(), 5ns);
  helper_.restore(id, dumped->state,
                  [&](Answer<Descriptor> answer) { restored = answer.has_value() && *answer; });
  run_until([&] { return restored; });
}

TEST_F(TcpHelper, AnswersFindTheirCalls) {
  start_both();
  std::vector<std::uint64_t> asked;
  stub_->on_message = [&](Message message, Descriptor) { asked.push_back(std::get<Hold>(message).id); };
  std::map<Helper::Id, std::string> answers;
  std::vector<Helper::Id> ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back(helper_.hold(flow_v4(), {}, [&, i](Answer<Done> answer) {
      answers[ids[static_cast<std::size_t>(i)]] = answer ? answer->remark : answer.error().why;
    }));
  }
  run_until([&] { return asked.size() == 3; });
  stub_->say(Refused{asked[2], "no"});
  stub_->say(IsDone{asked[0], 1, "yes"});
  stub_->say(IsDone{77, 1, "nobody asked"});
  stub_->say(IsDone{asked[1], 1, ""});
  run_until([&] { return answers.size() == 3; });
  EXPECT_EQ(answers, (std::map<Helper::Id, std::string>{{ids[0], "yes"}, {ids[1], ""}, {ids[2], "no"}}));
}

TEST_F(TcpHelper, WhoDoesNotAnswerIsGivenUpAndDialedAnew) {
  start_both();
  std::string why;
  helper_.hold(flow_v4(), {}, [&](Answer<Done> answer) { why = answer.error().why; });
  run_until([&] { return !why.empty(); });
  EXPECT_NE(why.find("does not answer"), std::string::npos) << why;
  run_until([&] { return helper_.ready(); });
}

TEST_F(TcpHelper, WhatWaitsFailsWhenTheOtherHangsUp) {
  start_both();
  stub_->on_message = [&](Message, Descriptor) { stub_->hang_up(); };
  std::string why;
  helper_.forget(1, [&](Answer<Done> answer) { why = answer.error().why; });
  run_until([&] { return !why.empty(); });
  EXPECT_NE(why.find("went away"), std::string::npos) << why;
  run_until([&] { return helper_.ready(); });
}

TEST_F(TcpHelper, WhatThawsASocketIsAskedOfTheNextOneToo) {
  start_both();
  int hung_up = 0;
  stub_->on_message = [&](Message message, Descriptor beside) {
    EXPECT_TRUE(beside);
    if (++hung_up <= 2) return stub_->hang_up();
    const auto* back = std::get_if<RollBack>(&message);
    stub_->say(IsDone{back != nullptr ? back->id : std::get<Live>(message).id, 1, {}});
  };
  int done = 0;
  helper_.roll_back(1, 0, [&](Answer<Done> answer) { done += answer.has_value(); });
  helper_.live(2, 0, [&](Answer<Done> answer) { done += answer.has_value(); });
  run_until([&] { return done == 2; });
}

TEST_F(TcpHelper, WhatThawsASocketWaitsForOneButNotForEver) {
  helper_.start();
  bool live = false, back = false;
  helper_.live(1, 0, [&](Answer<Done> answer) { live = answer.has_value(); });
  stub_.emplace(io_, path_);
  stub_->on_message = [&](Message message, Descriptor) {
    if (const auto* asked = std::get_if<Live>(&message)) stub_->say(IsDone{asked->id, 1, {}});
  };
  run_until([&] { return live; });
  stub_->on_message = [](Message, Descriptor) {};
  std::string why;
  helper_.roll_back(2, 0, [&](Answer<Done> answer) { back = answer.has_value(), why = answer.error().why; });
  run_until([&] { return !why.empty(); });
  EXPECT_FALSE(back);
}

TEST_F(TcpHelper, NothingIsCalledOnceItIsStopped) {
  start_both();
  bool called = false;
  helper_.hold(flow_v4(), {}, [&](Answer<Done>) { called = true; });
  helper_.stop();
  helper_.hold(flow_v4(), {}, [&](Answer<Done>) { called = true; });
  io_.restart();
  io_.run_for(20ms);
  EXPECT_FALSE(called);
}

TEST(SealedMemory, OtherFilesAreNotRead) {
  EXPECT_FALSE(read_memory(-1, 100));
  EXPECT_FALSE(read_memory(0, 100));
  const Descriptor memory = sealed_memory(as_bytes("twelve bytes"));
  ASSERT_TRUE(memory);
  EXPECT_TRUE(read_memory(memory.get(), 12));
  EXPECT_FALSE(read_memory(memory.get(), 11));
  EXPECT_LT(::write(memory.get(), "x", 1), 0) << "nobody changes it any more";
}

}  // namespace
}  // namespace sluice::cluster::tcp
