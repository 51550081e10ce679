#pragma once
#include <linux/bpf.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

/// Writes programs for the kernel's BPF (Documentation/bpf/standardization/instruction-set.rst), so that
/// nothing has to be compiled for it, neither where Sluice is built nor where it runs.
namespace sluice::cluster::tcp {

class BpfAssembler {
 public:
  enum Register : std::uint8_t { r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, fp };
  enum Width : std::uint8_t { u8 = BPF_B, u16 = BPF_H, u32 = BPF_W, u64 = BPF_DW };
  using Label = std::string;

  void move(Register to, std::int32_t value) { add(BPF_ALU64 | BPF_MOV | BPF_K, to, r0, 0, value); }
  void move(Register to, Register from) { add(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0); }
  /// `operation`: BPF_ADD, BPF_AND, ...
  void calculate(std::uint8_t operation, Register to, std::int32_t value) {
    add(BPF_ALU64 | operation | BPF_K, to, r0, 0, value);
  }
  void calculate(std::uint8_t operation, Register to, Register from) {
    add(BPF_ALU64 | operation | BPF_X, to, from, 0, 0);
  }
  void load(Width width, Register to, Register at, std::int16_t offset) {
    add(BPF_LDX | BPF_MEM | width, to, at, offset, 0);
  }
  void store(Width width, Register at, std::int16_t offset, Register from) {
    add(BPF_STX | BPF_MEM | width, at, from, offset, 0);
  }
  void store(Width width, Register at, std::int16_t offset, std::int32_t value) {
    add(BPF_ST | BPF_MEM | width, at, r0, offset, value);
  }
  /// Adds to a number in memory, atomically.
  void add_to(Register at, std::int16_t offset, Register from) {
    add(BPF_STX | BPF_ATOMIC | BPF_DW, at, from, offset, BPF_ADD);
  }
  void address_of_map(Register to, int map) {
    add(BPF_LD | BPF_DW | BPF_IMM, to, BPF_PSEUDO_MAP_FD, 0, map);
    add(0, 0, 0, 0, 0);
  }
  void call(std::int32_t function) { add(BPF_JMP | BPF_CALL, r0, r0, 0, function); }
  void exit(std::int32_t result) {
    move(r0, result);
    exit();
  }
  void exit() { add(BPF_JMP | BPF_EXIT, r0, r0, 0, 0); }

  void label(const Label& label) { labels_[label] = code_.size(); }
  void jump(const Label& to) { jump_with(BPF_JMP | BPF_JA, r0, r0, 0, to); }
  /// `condition`: BPF_JEQ, BPF_JNE, BPF_JGT, ...
  void jump(std::uint8_t condition, Register a, std::int32_t b, const Label& to) {
    jump_with(BPF_JMP | condition | BPF_K, a, r0, b, to);
  }
  void jump(std::uint8_t condition, Register a, Register b, const Label& to) {
    jump_with(BPF_JMP | condition | BPF_X, a, b, 0, to);
  }

  /// With the jumps filled in. Aborts when a label is missing.
  std::vector<bpf_insn> finish();

 private:
  void add(int code, int to, int from, std::int16_t offset, std::int32_t immediate);
  void jump_with(int code, Register a, Register b, std::int32_t value, const Label& to) {
    jumps_[code_.size()] = to;
    add(code, a, b, 0, value);
  }

  std::vector<bpf_insn> code_;
  std::map<Label, std::size_t> labels_;
  std::map<std::size_t, Label> jumps_;
};

}  // namespace sluice::cluster::tcp
