#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <stdexcept>

#include "base/descriptor.hpp"
#include "cluster/tcp/bpf_programs.hpp"
#include "cluster/tcp/capture.hpp"
#include "cluster/tcp/ingress.hpp"

namespace sluice::cluster::tcp {

namespace {

constexpr std::uint32_t kPriority = 51, kHandle = 0x51ce;  // ours among filters of others
constexpr std::uint32_t kHoldsMax = 4096;
constexpr char kLicense[] = "Dual BSD/GPL";

std::uint64_t nanoseconds(Monotonic::time_point time) noexcept {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}
std::uint64_t nanoseconds(std::chrono::milliseconds time) noexcept {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds{time}.count());
}

std::string error_text(const std::string& what) { return what + ": " + std::strerror(errno); }

Descriptor make_map(const char* name, std::size_t value_size, std::size_t most) {
  bpf_map_create_opts options{};
  options.sz = sizeof options;
  options.map_flags = BPF_F_NO_PREALLOC;
  Descriptor map{::bpf_map_create(BPF_MAP_TYPE_HASH, name, sizeof(FlowKey),
                                  static_cast<std::uint32_t>(value_size), static_cast<std::uint32_t>(most),
                                  &options)};
  if (!map) throw std::runtime_error(error_text("the kernel gives no BPF table"));
  return map;
}

Descriptor load(bpf_prog_type type, const char* name, const std::vector<bpf_insn>& code) {
  std::vector<char> log(64 * 1024);
  bpf_prog_load_opts options{};
  options.sz = sizeof options;
  Descriptor program{::bpf_prog_load(type, name, kLicense, code.data(), code.size(), &options)};
  if (program) return program;
  const std::string why = error_text("the kernel does not take the BPF program");
  options.log_buf = log.data();
  options.log_size = static_cast<std::uint32_t>(log.size());
  options.log_level = 1;
  if (::bpf_prog_load(type, name, kLicense, code.data(), code.size(), &options) >= 0)
    return load(type, name, code);
  const std::string text(log.data(), ::strnlen(log.data(), log.size()));
  throw std::runtime_error(why + (text.empty() ? "" : "\n" + text));
}

std::uint32_t id_of(int program) noexcept {
  bpf_prog_info info{};
  std::uint32_t length = sizeof info;
  return ::bpf_obj_get_info_by_fd(program, &info, &length) == 0 ? info.id : 0;
}

/// Of that size: another version had others.
bool has_values(const Descriptor& map, std::size_t size) noexcept {
  bpf_map_info info{};
  std::uint32_t length = sizeof info;
  return map && ::bpf_obj_get_info_by_fd(map.get(), &info, &length) == 0 && info.value_size == size;
}

class TcIngress final : public Ingress {
 public:
  TcIngress(const Interface& in, const Interface& out, std::string pins, std::size_t most, Lifetime lifetime)
      : out_(out), lifetime_(lifetime) {
    ::libbpf_set_print(nullptr);
    hook_.sz = sizeof hook_;
    hook_.ifindex = in.index;
    hook_.attach_point = BPF_TC_INGRESS;
    if (!pins.empty()) pins_ = pins + "/" + in.name + "-";
    if (pins_.empty() || !take_over()) begin(most);
    capture_ = load(BPF_PROG_TYPE_SOCKET_FILTER, "sluice_capture", capture_program(holds_.get()));
  }

  Failure hold(const Flow& flow, const Mac& source, Monotonic::time_point until) override {
    HoldEntry entry{};
    entry.until = nanoseconds(until);
    std::ranges::copy(source, entry.source);
    const int program = capture_.get();
    if (watched_ >= 0 && held_.empty() &&
        ::setsockopt(watched_, SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof program) != 0)
      return error_text("frames can't be filtered");
    if (auto why = update(holds_, flow, &entry, "held")) return why;
    held_.insert(flow);
    return std::nullopt;
  }
  void release(const Flow& flow) override {
    remove(holds_, flow);
    held_.erase(flow);
    if (watched_ >= 0 && held_.empty()) shut(watched_);
  }

  Failure redirect(const Flow& flow, const Mac& to) override {
    RedirectEntry entry{};
    std::ranges::copy(to, entry.to);
    std::ranges::copy(out_.mac, entry.from);
    entry.interface = static_cast<std::uint32_t>(out_.index);
    entry.until = nanoseconds(Monotonic::now() + lifetime_.undecided);
    return update(redirects_, flow, &entry, "redirected");
  }

  Failure decide(const Flow& flow) override {
    RedirectEntry entry{};
    const FlowKey key = key_of(flow);
    if (::bpf_map_lookup_elem(redirects_.get(), &key, &entry) != 0) return "the redirect is gone";
    entry.idle = nanoseconds(lifetime_.idle);
    entry.linger = nanoseconds(lifetime_.linger);
    entry.until = nanoseconds(Monotonic::now() + (entry.closing != 0 ? lifetime_.linger : lifetime_.idle));
    return update(redirects_, flow, &entry, "redirected");
  }

  void expire(const Flow& flow) override {
    RedirectEntry entry{};
    const FlowKey key = key_of(flow);
    if (::bpf_map_lookup_elem(redirects_.get(), &key, &entry) != 0) return;
    entry.idle = entry.linger = 0;
    entry.until = nanoseconds(Monotonic::now() + lifetime_.stragglers);
    update(redirects_, flow, &entry, "redirected");
  }

  void restore(const Flow& flow) override { remove(redirects_, flow); }

  std::optional<Mac> redirected(const Flow& flow) const override {
    RedirectEntry entry{};
    const FlowKey key = key_of(flow);
    if (::bpf_map_lookup_elem(redirects_.get(), &key, &entry) != 0) return std::nullopt;
    if (entry.until < nanoseconds(Monotonic::now())) return std::nullopt;
    return std::to_array(entry.to);
  }

  void sweep() override {
    sweep<HoldEntry>(holds_);
    redirected_ = sweep<RedirectEntry>(redirects_);
  }
  std::size_t size() const override { return redirected_; }

  void watch(int packet_socket) override {
    watched_ = packet_socket;
    shut(watched_);
  }

 private:
  /// Tables and program of the process before, if what is attached is really that.
  bool take_over() {
    Descriptor program{::bpf_obj_get((pins_ + "program").c_str())};
    redirects_.reset(::bpf_obj_get((pins_ + "redirects").c_str()));
    holds_.reset(::bpf_obj_get((pins_ + "holds").c_str()));
    bpf_tc_opts attached{};
    attached.sz = sizeof attached;
    attached.handle = kHandle;
    attached.priority = kPriority;
    return program && has_values(redirects_, sizeof(RedirectEntry)) &&
           has_values(holds_, sizeof(HoldEntry)) && ::bpf_tc_query(&hook_, &attached) == 0 &&
           attached.prog_id == id_of(program.get());
  }

  void begin(std::size_t most) {
    redirects_ = make_map("sluice_redirect", sizeof(RedirectEntry), most);
    holds_ = make_map("sluice_hold", sizeof(HoldEntry), kHoldsMax);
    const Descriptor program =
        load(BPF_PROG_TYPE_SCHED_CLS, "sluice_ingress", ingress_program(redirects_.get(), holds_.get()));
    if (const int error = ::bpf_tc_hook_create(&hook_); error != 0 && error != -EEXIST)
      throw std::runtime_error("the interface takes no filters (clsact): " +
                               std::string(std::strerror(-error)));
    bpf_tc_opts options{};
    options.sz = sizeof options;
    options.handle = kHandle;
    options.priority = kPriority;
    options.prog_fd = program.get();
    options.flags = BPF_TC_F_REPLACE;
    if (const int error = ::bpf_tc_attach(&hook_, &options); error != 0)
      throw std::runtime_error("the filter can't be attached: " + std::string(std::strerror(-error)));
    if (!pins_.empty()) pin(program);
  }

  void pin(const Descriptor& program) const {
    const auto pin_one = [this](int object, const char* name) {
      const std::string path = pins_ + name;
      ::unlink(path.c_str());
      if (::bpf_obj_pin(object, path.c_str()) != 0)
        throw std::runtime_error(error_text("can't pin " + path + " (is it in a BPF file system?)"));
    };
    ::mkdir(pins_.substr(0, pins_.rfind('/')).c_str(), 0700);
    pin_one(redirects_.get(), "redirects");
    pin_one(holds_.get(), "holds");
    pin_one(program.get(), "program");
  }

  static Failure update(const Descriptor& map, const Flow& flow, const void* entry, const char* what) {
    const FlowKey key = key_of(flow);
    if (::bpf_map_update_elem(map.get(), &key, entry, BPF_ANY) == 0) return std::nullopt;
    if (errno == E2BIG) return std::string("too many flows are ") + what;
    return error_text("the flow can't be " + std::string(what));
  }

  static void remove(const Descriptor& map, const Flow& flow) {
    const FlowKey key = key_of(flow);
    ::bpf_map_delete_elem(map.get(), &key);
  }

  /// How many are left.
  template <class Entry>
  static std::size_t sweep(const Descriptor& map) {
    const auto now = nanoseconds(Monotonic::now());
    std::vector<FlowKey> over;
    std::size_t count = 0;
    FlowKey key{}, next{};
    for (const FlowKey* at = nullptr; ::bpf_map_get_next_key(map.get(), at, &next) == 0; at = &key) {
      key = next;
      Entry entry{};
      if (::bpf_map_lookup_elem(map.get(), &key, &entry) != 0) continue;
      ++count;
      if (entry.until < now) over.push_back(key);
    }
    for (const FlowKey& ended : over) ::bpf_map_delete_elem(map.get(), &ended);
    return count - over.size();
  }

  bpf_tc_hook hook_{};
  const Interface out_;
  const Lifetime lifetime_;
  std::string pins_;
  Descriptor redirects_, holds_, capture_;
  std::size_t redirected_ = 0;
  int watched_ = -1;
  std::set<Flow> held_;  ///< By this process: while it is empty frames need not be looked at.
};

}  // namespace

std::unique_ptr<Ingress> tc_ingress(const Interface& in, const Interface& out, const std::string& pins,
                                    std::size_t most, Lifetime lifetime) {
  return std::make_unique<TcIngress>(in, out, pins, most, lifetime);
}

}  // namespace sluice::cluster::tcp
