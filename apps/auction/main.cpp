#include <memory>

#include "apps/auction/populate_command.hpp"
#include "apps/auction/settings.hpp"
#include "node/node.hpp"

/// `sluice`: the auction on a Sluice node.
namespace {

using namespace sluice;

void prepare_dev(auction::Settings& settings, const node::DevContext& dev) {
  if (settings.shares_database()) {
    dev.say("the auction is in the database of database.url; sluice populate --db fills an empty one");
  } else {
    auction::prepare_demo(settings.database_file(dev.config.state_dir), dev.say);
  }
  if (dev.loopback_only && !settings.rubis_client) {
    settings.rubis_client = true;
    dev.say(
        "RUBiS' client may act for anybody here (auction.rubis_client), since only this machine can connect");
  }
  dev.say("log in as user1 with the password password1, or register");
}

}  // namespace

int main(int argc, char** argv) {
  auction::Settings settings;
  const auto make = [&](const server::Config& config) -> std::unique_ptr<server::App> {
    return std::make_unique<auction::web::AuctionApp>(settings.web(), settings.open_store(config.state_dir));
  };
  return node::run(argc, argv,
                   {.name = "sluice",
                    .description = "An auction site on an HTTPS server that does not fall over",
                    .declare = [&](server::Settings& all) { settings.declare(all); },
                    .check = [&] { return settings.check(); },
                    .prepare_dev = [&](const node::DevContext& dev) { prepare_dev(settings, dev); },
                    .make = make,
                    .commands = {auction::populate_command()}});
}
