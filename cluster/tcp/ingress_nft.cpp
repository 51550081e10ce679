#include <nftables/libnftables.h>

#include <cstring>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>

#include "base/handle.hpp"
#include "cluster/tcp/capture.hpp"
#include "cluster/tcp/capture_filter.hpp"
#include "cluster/tcp/ingress.hpp"
#include "cluster/tcp/nft_text.hpp"

namespace sluice::cluster::tcp {

namespace {

using NftContext = Handle<nft_ctx, nft_ctx_free>;

constexpr std::chrono::seconds kLook{5};  // between looks at who was seen

class NftIngress final : public Ingress {
 public:
  NftIngress(const Interface& in, const Interface& out, std::size_t most, Lifetime lifetime)
      : in_(in), out_(out), most_(most), lifetime_(lifetime), table_("netdev sluice_" + in.name) {
    if (!nft_) throw std::runtime_error("nftables can't be used");
    nft_ctx_buffer_output(nft_.get());
    nft_ctx_buffer_error(nft_.get());
    nft_ctx_output_set_flags(nft_.get(), NFT_CTX_OUTPUT_NUMERIC_ALL);
    if (auto why = run(nft_rules(table_, in.name, most)))
      throw std::runtime_error("nftables does not take the rules: " + *why);
    take_over();
  }

  void watch(int packet_socket) override {
    watched_ = packet_socket;
    shut(watched_);
  }

  Failure hold(const Flow& flow, const Mac& source, Monotonic::time_point until) override {
    if (held_.size() >= kFilteredMax) return "too many flows are held";
    held_.insert(flow);
    if (watched_ >= 0 && !attach_filter(watched_, held_)) return "frames can't be filtered";
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Monotonic::now());
    const std::string key = key_text(flow), end = " timeout " + std::to_string(left.count()) + "ms }\n";
    release_elements(flow);
    sources_[flow] = source;
    return run("add element " + in_set("holds", flow) + " { " + key + end + "add element " +
               in_set("back", flow) + " { " + mac_text(source) + " . " + key + end);
  }

  void release(const Flow& flow) override {
    release_elements(flow);
    held_.erase(flow);
    if (watched_ < 0) return;
    if (held_.empty())
      shut(watched_);
    else
      attach_filter(watched_, held_);
  }

  Failure redirect(const Flow& flow, const Mac& to) override {
    if (redirects_.size() >= most_ && !redirects_.contains(flow)) return "too many flows are redirected";
    if (!members_.contains(to)) {
      if (auto why = run(nft_member(table_, to, out_, lifetime_))) return why;
      members_.insert(to);
    }
    return replace(flow, {.to = to, .until = Monotonic::now() + lifetime_.undecided}, lifetime_.undecided);
  }

  /// What the kernel sees keeps the entry, so it has no end of its own.
  Failure decide(const Flow& flow) override {
    const auto at = redirects_.find(flow);
    if (at == redirects_.end()) return "the redirect is gone";
    run("add element " + in_set("seen", flow) + " { " + key_text(flow) + " timeout " +
        std::to_string(lifetime_.idle.count()) + "ms }");
    return replace(flow, {.to = at->second.to, .until = Monotonic::time_point::max()}, {});
  }

  void expire(const Flow& flow) override {
    const auto at = redirects_.find(flow);
    if (at == redirects_.end()) return;
    replace(flow, {.to = at->second.to, .until = Monotonic::now() + lifetime_.stragglers},
            lifetime_.stragglers);
  }

  void restore(const Flow& flow) override {
    if (redirects_.erase(flow) != 0)
      run("delete element " + in_set("redirects", flow) + " { " + key_text(flow) + " }");
  }

  std::optional<Mac> redirected(const Flow& flow) const override {
    const auto at = redirects_.find(flow);
    if (at == redirects_.end() || at->second.until < Monotonic::now()) return std::nullopt;
    return at->second.to;
  }

  void sweep() override {
    const auto now = Monotonic::now();
    if (now < next_look_) return;
    next_look_ = now + kLook;
    std::set<Flow> seen;
    for (const char* set : {"seen4", "seen6"}) {
      for (const auto& [flow, verdict] : list(set)) seen.insert(flow);
    }
    std::vector<Flow> over;
    for (const auto& [flow, entry] : redirects_) {
      if (entry.until == Monotonic::time_point::max() ? !seen.contains(flow) : entry.until < now)
        over.push_back(flow);
    }
    for (const Flow& flow : over) restore(flow);
  }
  std::size_t size() const override { return redirects_.size(); }

 private:
  void release_elements(const Flow& flow) {
    const std::string key = key_text(flow);
    run("delete element " + in_set("holds", flow) + " { " + key + " }");
    const auto source = sources_.find(flow);
    if (source == sources_.end()) return;
    run("delete element " + in_set("back", flow) + " { " + mac_text(source->second) + " . " + key + " }");
    sources_.erase(source);
  }

  struct Entry {
    Mac to{};
    Monotonic::time_point until{};
  };

  /// In one transaction: no frame finds nothing in between.
  Failure replace(const Flow& flow, const Entry& entry, std::chrono::milliseconds timeout) {
    const std::string set = in_set("redirects", flow), key = key_text(flow);
    const std::string end = timeout.count() == 0 ? "" : " timeout " + std::to_string(timeout.count()) + "ms";
    const std::string add =
        "add element " + set + " { " + key + end + " : goto " + nft_chain(entry.to) + " }\n";
    Failure why = "";
    if (redirects_.contains(flow)) why = run("delete element " + set + " { " + key + " }\n" + add);
    if (why) why = run(add);
    if (!why) redirects_[flow] = entry;
    return why;
  }

  /// Tables outlive the process, so what is in them is known again.
  void take_over() {
    for (const char* map : {"redirects4", "redirects6"}) {
      for (const auto& [flow, verdict] : list(map)) {
        const auto mac = mac_of_chain(verdict);
        if (mac) redirects_[flow] = {*mac, Monotonic::time_point::max()};
      }
    }
  }

  std::vector<std::pair<Flow, std::string>> list(const std::string& set) {
    const std::string kind = set.starts_with("redirects") ? "map " : "set ";
    if (run("list " + kind + table_ + " " + set)) return {};
    return nft_elements(output_);
  }

  std::string in_set(const char* name, const Flow& flow) const {
    return table_ + " " + name + (flow.v4() ? "4" : "6");
  }

  Failure run(const std::string& commands) {
    const int result = nft_run_cmd_from_buffer(nft_.get(), commands.c_str());
    output_ = nft_ctx_get_output_buffer(nft_.get());
    const std::string error = nft_ctx_get_error_buffer(nft_.get());
    if (result == 0) return std::nullopt;
    return error.substr(0, error.find('\n'));
  }

  const Interface in_, out_;
  const std::size_t most_;
  const Lifetime lifetime_;
  const std::string table_;
  NftContext nft_{nft_ctx_new(NFT_CTX_DEFAULT)};
  std::string output_;
  int watched_ = -1;
  std::set<Flow> held_;
  std::map<Flow, Mac> sources_;  ///< Of those in `back`.
  std::set<Mac> members_;        ///< That have a chain.
  std::map<Flow, Entry> redirects_;
  Monotonic::time_point next_look_{};
};

}  // namespace

std::unique_ptr<Ingress> nft_ingress(const Interface& in, const Interface& out, std::size_t most,
                                     Lifetime lifetime) {
  return std::make_unique<NftIngress>(in, out, most, lifetime);
}

}  // namespace sluice::cluster::tcp
