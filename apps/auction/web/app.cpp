#include "apps/auction/web/app.hpp"

#include "apps/auction/web/processor.hpp"
#include "apps/auction/web/templates.hpp"

namespace sluice::auction::web {

AuctionApp::AuctionApp(const Config& config, std::shared_ptr<Store> store)
    : store_(std::move(store)), shared_(config) {
  templates();  // parsed now, so that a mistake in one stops the start and not a request
}

std::span<const std::string_view> AuctionApp::interactions() const noexcept { return interaction_names(); }

std::unique_ptr<server::AppProcessor> AuctionApp::start(server::ProcessorContext context) {
  return std::make_unique<Processor>(shared_, context, store_->repository(context.executor));
}

std::string AuctionApp::not_ready() const { return store_->not_ready(); }

void AuctionApp::alone(bool yes) { store_->alone(yes); }

std::string AuctionApp::metrics() const {
  using By = LoginLimiter::By;
  const auto line = [](std::string_view by, std::uint64_t count) {
    return "sluice_auction_logins_refused_total{by=\"" + std::string{by} + "\"} " + std::to_string(count) +
           '\n';
  };
  return store_->metrics() +
         "# HELP sluice_auction_logins_refused_total Login tries refused, by the allowance that was used "
         "up.\n"
         "# TYPE sluice_auction_logins_refused_total counter\n" +
         line("account", shared_.limiter.refused(By::account)) +
         line("address", shared_.limiter.refused(By::address)) +
         line("device", shared_.limiter.refused(By::device)) +
         "# HELP sluice_auction_passwords_refused_total Passwords not hashed because the queue was full.\n"
         "# TYPE sluice_auction_passwords_refused_total counter\n"
         "sluice_auction_passwords_refused_total " +
         std::to_string(shared_.passwords.refused()) + '\n' + shared_.page_caches.metrics();
}

void AuctionApp::stop() { store_->stop(); }

}  // namespace sluice::auction::web
