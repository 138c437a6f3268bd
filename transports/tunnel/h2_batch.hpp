// What one transport write carries: whole frames, collected until there is enough of them.
#pragma once

#include <cstring>
#include <span>

#include "transports/core/block_pool.hpp"
#include "transports/tunnel/h2_session.hpp"

namespace surang::tunnel {

inline constexpr std::size_t kFrameHead = 9;  // RFC 9113 4.1

struct H2Session::Batch {
  using Memory = BlockPool<160 * 1024, 8>;
  static constexpr std::size_t kFull = 64 * 1024;     // nothing more is begun after this
  static constexpr std::size_t kControl = 17 * 1024;  // the largest frame without our payload

  Memory::Block memory = Memory::take();
  std::size_t size = 0;
  bool wants_answer = false;  // carries something that a living peer reacts to

  Batch() = default;
  ~Batch() { Memory::give(std::move(memory)); }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  bool full() const noexcept { return size >= kFull || room() < kControl; }
  std::size_t room() const noexcept { return Memory::kSize - size; }
  void append(std::span<const std::uint8_t> bytes) noexcept {
    std::memcpy(memory.get() + size, bytes.data(), bytes.size());
    size += bytes.size();
  }
  void append_zeros(std::size_t n) noexcept {
    std::memset(memory.get() + size, 0, n);
    size += n;
  }
};

}  // namespace surang::tunnel
