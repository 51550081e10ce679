#include "apps/auction/populate_command.hpp"

#include <unistd.h>

#include <cstdio>
#include <stdexcept>

#include "apps/auction/settings.hpp"
#include "apps/auction/store/populate/populate.hpp"
#include "apps/auction/store/postgresql/populate.hpp"
#include "apps/auction/store/postgresql/url.hpp"

namespace sluice::auction {

namespace {

constexpr std::uint64_t kMost = 100'000'000;

/// One line on a terminal, a line per stage elsewhere.
class ProgressBar {
 public:
  void show(const Progress& progress) {
    if (progress.stage != stage_) {
      if (terminal_ && !stage_.empty()) std::fputc('\n', stderr);
      stage_ = progress.stage;
      if (!terminal_) std::fprintf(stderr, "%.*s ...\n", static_cast<int>(stage_.size()), stage_.data());
    }
    if (!terminal_) return;
    constexpr int kWidth = 40;
    const double share =
        progress.total == 0 ? 1 : static_cast<double>(progress.done) / static_cast<double>(progress.total);
    const int filled = static_cast<int>(share * kWidth);
    std::string bar(static_cast<std::size_t>(filled), '#');
    bar.resize(kWidth, '.');
    std::fprintf(stderr, "\r%-10.*s [%s] %3d %%  %llu of %llu ", static_cast<int>(stage_.size()),
                 stage_.data(), bar.c_str(), static_cast<int>(share * 100),
                 static_cast<unsigned long long>(progress.done),
                 static_cast<unsigned long long>(progress.total));
  }
  void finish() {
    if (terminal_ && !stage_.empty()) std::fputc('\n', stderr);
  }

 private:
  const bool terminal_ = ::isatty(STDERR_FILENO) == 1;
  std::string_view stage_;
};

/// What --db names.
struct Database {
  std::optional<std::filesystem::path> file;  // of SQLite
  std::string url;                            // of PostgreSQL
};

Database database_of(const std::string& url) {
  if (postgresql::is_url(url)) return {.file = std::nullopt, .url = url};
  const auto file = sqlite_file(url);
  if (!file) throw std::runtime_error("--db: " + unknown_database(url));
  return {.file = *file, .url = {}};
}

int run(const node::Command::Values& values) {
  const auto count = [&](const char* option, std::uint64_t min) {
    return static_cast<std::int64_t>(node::number_of(values, option, min, kMost));
  };
  const Database database = database_of(values.at("--db"));
  if (values.at("--redate") == "true") {
    const Redated redated = database.file ? redate(*database.file, wall_now(), true)
                                          : postgresql::redate(database.url, wall_now(), true);
    std::printf("%lld auctions are open again\n", static_cast<long long>(redated.moved));
    return 0;
  }
  PopulateOptions options{.file = database.file.value_or(""), .force = values.at("--force") == "true"};
  if (options.force && !database.file) {
    throw std::runtime_error(
        "--force replaces files of SQLite only; drop the PostgreSQL database by yourself");
  }
  options.users = count("--users", 2);
  options.items = count("--items", 0);
  options.old_items = count("--old-items", 0);
  options.bids_per_item_max = count("--bids-per-item", 0);
  options.seed = node::number_of(values, "--seed", 0, UINT64_MAX);
  const std::string& style = values.at("--style");
  if (style != "rubis" && style != "shop")
    throw std::runtime_error("--style is rubis or shop, not \"" + style + "\"");
  options.style = style == "shop" ? PopulateOptions::Style::shop : PopulateOptions::Style::rubis;
  ProgressBar bar;
  const auto show = [&](Progress progress) { bar.show(progress); };
  if (database.file) {
    populate(options, show);
  } else {
    postgresql::populate(database.url, options, show);
  }
  bar.finish();
  std::printf("%s is ready\n",
              database.file ? database.file->c_str() : postgresql::without_password(database.url).c_str());
  return 0;
}

}  // namespace

node::Command populate_command() {
  return {
      .name = "populate",
      .help = "Make an auction database: RUBiS' data set at any size",
      .options = {{.name = "--db", .help = "sqlite:FILE or postgresql://HOST/NAME", .required = true},
                  {.name = "--users", .help = "Users (user1/password1, ...)", .fallback = "1000000"},
                  {.name = "--items", .help = "Open auctions", .fallback = "32667"},
                  {.name = "--old-items", .help = "Ended auctions", .fallback = "500000"},
                  {.name = "--bids-per-item", .help = "Each item has 0 to this many bids", .fallback = "19"},
                  {.name = "--seed", .help = "Same seed and sizes, same data", .fallback = "1"},
                  {.name = "--style", .help = "Names and texts: rubis or shop", .fallback = "rubis"},
                  {.name = "--force",
                   .help = "Replace an existing auction database",
                   .fallback = "false",
                   .flag = true},
                  {.name = "--redate",
                   .help = "Only move the auctions of an existing database so that they are open again",
                   .fallback = "false",
                   .flag = true}},
      .run = run};
}

void prepare_demo(const std::filesystem::path& file, const std::function<void(std::string_view)>& say) {
  if (!std::filesystem::exists(file)) {
    say("making a demonstration shop in " + file.string());
    populate({.file = file,
              .users = 2'000,
              .items = 2'000,
              .old_items = 500,
              .style = PopulateOptions::Style::shop},
             [](Progress) {});
  } else if (redate(file, wall_now()).moved > 0) {
    say("the auctions in " + file.string() + " had ended; they are open again");
  }
}

}  // namespace sluice::auction
