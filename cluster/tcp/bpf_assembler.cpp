#include "cluster/tcp/bpf_assembler.hpp"

#include <cstdlib>

namespace sluice::cluster::tcp {

void BpfAssembler::add(int code, int to, int from, std::int16_t offset, std::int32_t immediate) {
  bpf_insn instruction{};
  instruction.code = static_cast<std::uint8_t>(code);
  instruction.dst_reg = static_cast<std::uint8_t>(to) & 15;
  instruction.src_reg = static_cast<std::uint8_t>(from) & 15;
  instruction.off = offset;
  instruction.imm = immediate;
  code_.push_back(instruction);
}

std::vector<bpf_insn> BpfAssembler::finish() {
  for (const auto& [at, label] : jumps_) {
    const auto target = labels_.find(label);
    if (target == labels_.end()) std::abort();
    code_[at].off = static_cast<std::int16_t>(target->second - at - 1);
  }
  return code_;
}

}  // namespace sluice::cluster::tcp
