#include "server/http/static_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr WallSeconds kNow = std::chrono::sys_days{std::chrono::year{2100} / 1 / 1};

std::string_view field(const Response& response, std::string_view name) {
  for (const auto& field : response.fields) {
    if (field.name == name) return field.value;
  }
  return {};
}

std::string body_of(const Response& response) {
  if (!std::holds_alternative<FileBody>(response.body)) return std::string{response.body_text()};
  std::string out;
  EXPECT_TRUE(std::get<FileBody>(response.body).read(0, 1 << 20, out));
  return out;
}

Request request_for(std::string_view path, std::vector<Request::Field> fields = {}, Verb method = Verb::get) {
  Request request;
  request.method = method;
  request.path = path;
  request.fields = std::move(fields);
  return request;
}

TEST(ContentType, FollowsTheExtension) {
  EXPECT_EQ(content_type_of("a.b.HTML"), "text/html; charset=utf-8");
  EXPECT_EQ(content_type_of("site.css"), "text/css; charset=utf-8");
  EXPECT_EQ(content_type_of("item.svg"), "image/svg+xml");
  EXPECT_EQ(content_type_of("noextension"), "application/octet-stream");
  EXPECT_EQ(content_type_of("a.unknown"), "application/octet-stream");
}

class Embedded : public testing::Test {
 protected:
  const EmbeddedFiles files{"/static/", {{"site.css", "abc"}, {"LICENSE", "free"}}};
};

TEST_F(Embedded, HaveTheHashOfTheirContentInTheirName) {
  EXPECT_EQ(files.url("site.css"),
            "/static/site.ba7816bf8f01.css");  // SHA-256("abc") = ba7816bf 8f01cfea ...
  EXPECT_TRUE(files.url("LICENSE").starts_with("/static/LICENSE."));
  EXPECT_THROW(files.url("other.css"), std::out_of_range);
}

TEST_F(Embedded, AreServedForEver) {
  const auto response = files.serve(request_for(files.url("site.css")), kNow);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 200u);
  EXPECT_EQ(response->content_type, "text/css; charset=utf-8");
  EXPECT_EQ(body_of(*response), "abc");
  EXPECT_EQ(field(*response, "ETag"), "\"ba7816bf8f01\"");
  EXPECT_EQ(field(*response, "Cache-Control"), "public, max-age=31536000, immutable");
}

TEST_F(Embedded, AreNotSentAgain) {
  const auto response =
      files.serve(request_for(files.url("site.css"), {{"If-None-Match", "\"ba7816bf8f01\""}}), kNow);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 304u);
  EXPECT_EQ(body_of(*response), "");
  EXPECT_EQ(field(*response, "ETag"), "\"ba7816bf8f01\"");
  EXPECT_NE(field(*response, "Cache-Control"), "");
}

TEST_F(Embedded, AnswerOtherMethods) {
  const std::string& url = files.url("site.css");
  EXPECT_EQ(files.serve(request_for(url, {}, Verb::head), kNow)->body_size(), 3u);
  EXPECT_EQ(files.serve(request_for(url, {}, Verb::post), kNow)->status, 405u);
  EXPECT_EQ(field(*files.serve(request_for(url, {}, Verb::post), kNow), "Allow"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(files.serve(request_for(url, {}, Verb::options), kNow)->status, 204u);
}

TEST_F(Embedded, LeaveOtherPathsToOthers) {
  for (const char* path : {"/static/site.css", "/static/site.000000000000.css", "/static/", "/"}) {
    EXPECT_FALSE(files.serve(request_for(path), kNow)) << path;
  }
}

TEST(EmbeddedNames, AreThereOnce) {
  EXPECT_THROW((EmbeddedFiles{"/", {{"a", "1"}, {"a", "2"}}}), std::invalid_argument);
}

class Directory : public testing::Test {
 protected:
  Directory() {
    char name[] = "/tmp/sluice-static-test-XXXXXX";
    base = ::mkdtemp(name);
    root = base / "root";
    fs::create_directories(root / "sub" / ".git");
    fs::create_directories(root / ".well-known");
    fs::create_directories(root / "sub" / ".well-known");
    fs::create_directories(root / "empty");
    write("a.txt", "0123456789");
    write("nothing.txt", "");
    write("index.html", "<p>");
    write("sub/index.html", "<b>");
    write("sub/b c.css", "css");
    write(".secret", "secret");
    write("sub/.git/config", "secret");
    write(".well-known/acme", "token");
    write("sub/.well-known/acme", "secret");
    write("../outside.txt", "secret");
    fs::create_symlink("a.txt", root / "link.txt");
    fs::create_symlink("../outside.txt", root / "escape.txt");
    fs::create_directory_symlink("/", root / "slash");
    EXPECT_EQ(::mkfifo((root / "fifo").c_str(), 0600), 0);
  }
  ~Directory() override { fs::remove_all(base); }

  void write(const std::string& name, std::string_view content) const {
    std::ofstream{root / name, std::ios::binary} << content;
  }
  std::optional<Response> serve(std::string_view path, std::vector<Request::Field> fields = {},
                                Verb method = Verb::get) const {
    const DirectoryFiles files{root.string()};
    const auto first = files.serve(request_for(path, fields, method), kNow);
    auto again =
        files.serve(request_for(path, std::move(fields), method), kNow);  // from memory, if it is small
    EXPECT_EQ(first.has_value(), again.has_value());
    if (first && again) {
      EXPECT_EQ(first->status, again->status);
      EXPECT_EQ(body_of(*first), body_of(*again));
    }
    return again;
  }

  fs::path base;
  fs::path root;
};

TEST_F(Directory, ShowsAtOnceWhatChanges) {
  const DirectoryFiles files{root.string()};
  const auto served = [&](std::string_view path) { return files.serve(request_for(path), kNow); };
  const auto text = [&] { return body_of(served("/a.txt").value()); };
  for (int i = 0; i < 3; ++i) EXPECT_EQ(text(), "0123456789");
  EXPECT_FALSE(std::holds_alternative<FileBody>(served("/a.txt")->body)) << "kept";
  const auto time = fs::last_write_time(root / "a.txt");
  write("a.txt", "9876543210");
  fs::last_write_time(root / "a.txt", time);
  EXPECT_EQ(text(), "9876543210");
  write("new.txt", "another");
  fs::rename(root / "new.txt", root / "a.txt");
  EXPECT_EQ(text(), "another");
  fs::remove(root / "a.txt");
  EXPECT_FALSE(served("/a.txt"));
  fs::create_symlink("index.html", root / "a.txt");
  EXPECT_FALSE(served("/a.txt"));
}

TEST_F(Directory, LooksOnceForRequestsThatWereThereBefore) {
  const DirectoryFiles files{root.string()};
  const auto began = Monotonic::now();
  files.serve(request_for("/a.txt"), kNow);  // reads and keeps it
  files.serve(request_for("/a.txt"), kNow);  // looks at it
  write("a.txt", "changed");
  EXPECT_EQ(body_of(*files.serve(request_for("/a.txt"), kNow, began)), "0123456789");
  EXPECT_EQ(body_of(*files.serve(request_for("/a.txt"), kNow, Monotonic::now())), "changed");
}

TEST_F(Directory, KeepsNeitherLargeFilesNorThoseJustChanged) {
  const DirectoryFiles files{root.string()};
  write("large.txt", std::string(DirectoryFiles::kKeptSize + 1, 'x'));
  const auto just_now = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(std::holds_alternative<FileBody>(files.serve(request_for("/large.txt"), kNow)->body));
    EXPECT_TRUE(std::holds_alternative<FileBody>(files.serve(request_for("/a.txt"), just_now)->body));
  }
}

TEST_F(Directory, GoesOnInTheMiddleOfAFileThatIsStillTheSame) {
  const DirectoryFiles files{root.string()};
  const std::string etag{files.serve(request_for("/a.txt"), kNow)->field("etag")};
  ASSERT_FALSE(etag.empty());
  const auto part = files.part("/a.txt", etag, 3, 4);
  ASSERT_TRUE(part);
  std::string read;
  EXPECT_TRUE(part->read(0, 4, read));
  EXPECT_EQ(read, "3456");
  EXPECT_EQ(part->offset(), 3u);
  EXPECT_FALSE(files.part("/a.txt", etag, 3, 8)) << "beyond its end";
  EXPECT_FALSE(files.part("/a.txt", etag, UINT64_MAX, 2));
  EXPECT_FALSE(files.part("/a.txt", "\"another\"", 0, 1));
  EXPECT_FALSE(files.part("/../a.txt", etag, 0, 1));
  EXPECT_FALSE(files.part("", etag, 0, 1));
  EXPECT_TRUE(files.part("/", files.serve(request_for("/"), kNow)->field("ETag"), 0, 1)) << "an index";
  write("a.txt", "changed");
  EXPECT_FALSE(files.part("/a.txt", etag, 0, 1));
}

TEST_F(Directory, KeepsSoManyFilesAndNoMore) {
  const DirectoryFiles files{root.string()};
  for (std::size_t i = 0; i < 3 * DirectoryFiles::kKeptFiles; ++i) {
    const std::string name = std::to_string(i);
    write(name, name);
    EXPECT_EQ(body_of(files.serve(request_for("/" + name), kNow).value()), name);
    EXPECT_EQ(body_of(files.serve(request_for("/" + name), kNow).value()), name);
  }
}

TEST_F(Directory, ServesFiles) {
  const auto response = serve("/a.txt");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 200u);
  EXPECT_EQ(response->content_type, "text/plain; charset=utf-8");
  EXPECT_EQ(response->body_size(), 10u);
  EXPECT_EQ(body_of(*response), "0123456789");
  EXPECT_EQ(field(*response, "Accept-Ranges"), "bytes");
  EXPECT_EQ(body_of(*serve("/sub/b c.css")), "css");
  EXPECT_EQ(body_of(*serve("/nothing.txt")), "");
  EXPECT_EQ(body_of(*serve("/.well-known/acme")), "token");
}

TEST_F(Directory, ServesTheIndexOfADirectory) {
  EXPECT_EQ(body_of(*serve("/")), "<p>");
  EXPECT_EQ(body_of(*serve("/sub/")), "<b>");
  EXPECT_EQ(serve("/")->content_type, "text/html; charset=utf-8");
  EXPECT_FALSE(serve("/empty/"));
}

TEST_F(Directory, HidesEverythingThatIsNotAFileBeneathIt) {
  using namespace std::string_view_literals;
  for (const std::string_view path : {"/.secret"sv,
                                      "/sub/.git/config"sv,
                                      "/sub/.well-known/acme"sv,
                                      "/link.txt"sv,
                                      "/escape.txt"sv,
                                      "/slash/etc/passwd"sv,
                                      "/../outside.txt"sv,
                                      "/sub/../a.txt"sv,
                                      "/./a.txt"sv,
                                      "//a.txt"sv,
                                      "/sub//b c.css"sv,
                                      "/sub"sv,
                                      "/fifo"sv,
                                      "/a.txt/"sv,
                                      "/a.txt/b"sv,
                                      "/missing"sv,
                                      "/a.txt\0b"sv,
                                      ""sv,
                                      "a.txt"sv,
                                      "*"sv}) {
    EXPECT_FALSE(serve(path)) << path;
  }
  EXPECT_FALSE(serve("/" + std::string(300, 'a')));
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "/a";
  EXPECT_FALSE(serve(deep));
}

TEST_F(Directory, AnswersOtherMethodsOnlyForFiles) {
  EXPECT_EQ(serve("/a.txt", {}, Verb::head)->body_size(), 10u);
  EXPECT_EQ(serve("/a.txt", {}, Verb::post)->status, 405u);
  EXPECT_EQ(serve("/a.txt", {}, Verb::options)->status, 204u);
  EXPECT_FALSE(serve("/missing", {}, Verb::post));
}

TEST_F(Directory, RevalidatesByTagAndDate) {
  const auto first = serve("/a.txt");
  const std::string etag{field(*first, "ETag")};
  const std::string modified{field(*first, "Last-Modified")};
  const auto by_tag = serve("/a.txt", {{"If-None-Match", etag}});
  EXPECT_EQ(by_tag->status, 304u);
  EXPECT_EQ(field(*by_tag, "ETag"), etag);
  EXPECT_EQ(serve("/a.txt", {{"If-Modified-Since", modified}})->status, 304u);
  EXPECT_EQ(serve("/a.txt", {{"If-None-Match", "\"x\""}, {"If-Modified-Since", modified}})->status, 200u);
  EXPECT_EQ(serve("/a.txt", {{"If-Match", "\"x\""}})->status, 412u);
}

TEST_F(Directory, ShowsAChangeAtOnce) {
  const std::string before{field(*serve("/a.txt"), "ETag")};
  write("a.txt", "changed");
  const auto response = serve("/a.txt", {{"If-None-Match", before}});
  EXPECT_EQ(response->status, 200u);
  EXPECT_EQ(body_of(*response), "changed");
  EXPECT_NE(field(*response, "ETag"), before);
}

TEST_F(Directory, NeverSaysThatAFileIsFromTheFuture) {
  const DirectoryFiles files{root.string()};
  const auto response = files.serve(request_for("/a.txt"), WallSeconds{});
  EXPECT_EQ(field(*response, "Last-Modified"), "Thu, 01 Jan 1970 00:00:00 GMT");
}

TEST_F(Directory, ServesRanges) {
  const auto part = serve("/a.txt", {{"Range", "bytes=2-4"}});
  EXPECT_EQ(part->status, 206u);
  EXPECT_EQ(body_of(*part), "234");
  EXPECT_EQ(field(*part, "Content-Range"), "bytes 2-4/10");
  EXPECT_NE(field(*part, "ETag"), "");
  const auto behind = serve("/a.txt", {{"Range", "bytes=10-"}});
  EXPECT_EQ(behind->status, 416u);
  EXPECT_EQ(field(*behind, "Content-Range"), "bytes */10");
  EXPECT_EQ(serve("/a.txt", {{"Range", "bytes=0-1,3-4"}})->status, 200u);
  const std::string etag{field(*part, "ETag")};
  EXPECT_EQ(serve("/a.txt", {{"Range", "bytes=2-4"}, {"If-Range", etag}})->status, 206u);
  EXPECT_EQ(serve("/a.txt", {{"Range", "bytes=2-4"}, {"If-Range", "\"x\""}})->status, 200u);
  EXPECT_EQ(serve("/a.txt", {{"Range", "bytes=2-4"}, {"If-None-Match", etag}})->status, 304u);
}

TEST_F(Directory, MustExist) {
  EXPECT_THROW(DirectoryFiles{(root / "missing").string()}, std::system_error);
  EXPECT_THROW(DirectoryFiles{(root / "a.txt").string()}, std::system_error);
}

TEST_F(Directory, LeaksNoDescriptors) {
  const auto open_descriptors = [] {
    return std::distance(fs::directory_iterator{"/proc/self/fd"}, fs::directory_iterator{});
  };
  const DirectoryFiles files{root.string()};
  const auto before = open_descriptors();
  for (const char* path :
       {"/a.txt", "/sub/b c.css", "/sub/.git/config", "/fifo", "/sub", "/slash/etc", "/x/y"}) {
    files.serve(request_for(path), kNow);
    files.serve(request_for(path, {{"If-None-Match", "*"}}), kNow);
    files.serve(request_for(path, {{"Range", "bytes=99-"}}), kNow);
  }
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace sluice::http
