#pragma once
#include "apps/auction/web/routes.hpp"
#include "server/app.hpp"

namespace sluice::auction::web {

/// The shop on one processor: finds the action for a request, and lets no post through that a page of ours
/// did not send.
class Processor final : public server::AppProcessor {
 public:
  Processor(Shared& shared, const server::ProcessorContext& context, std::unique_ptr<Repository> repository);
  ~Processor() override;

  Task<http::Response> handle(const http::Request& request) override;
  bool knows(const http::Request& request) const override;

 private:
  Task<http::Response> answer(const Route& route, const http::Request& request);

  Shop shop_;
};

}  // namespace sluice::auction::web
