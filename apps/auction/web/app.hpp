#pragma once
#include <memory>

#include "apps/auction/web/shop.hpp"
#include "server/app.hpp"

/// The auction as an application of the server.
namespace sluice::auction::web {

class AuctionApp final : public server::App {
 public:
  /// Throws std::invalid_argument on an unacceptable password cost or a broken template.
  AuctionApp(const Config& config, std::shared_ptr<Store> store);

  std::span<const std::string_view> interactions() const noexcept override;
  std::unique_ptr<server::AppProcessor> start(server::ProcessorContext context) override;
  std::string not_ready() const override;
  void alone(bool yes) override;
  std::string metrics() const override;
  double backlog_s() const override { return shared_.passwords.backlog_s(); }
  void stop() override;

 private:
  std::shared_ptr<Store> store_;
  Shared shared_;
};

}  // namespace sluice::auction::web
