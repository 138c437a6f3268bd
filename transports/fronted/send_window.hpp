// The bytes of one direction that were written and have not been acknowledged: whatever an edge loses is sent
// again from here. Pure; used at both ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>

#include "transports/core/block_pool.hpp"

namespace surang::fronted {

class SendWindow {
 public:
  /// Holds at most `capacity` bytes, and memory for about as many as it holds.
  explicit SendWindow(std::size_t capacity) : capacity_(capacity) {}
  ~SendWindow();
  SendWindow(const SendWindow&) = delete;
  SendWindow& operator=(const SendWindow&) = delete;

  /// Takes as many bytes as there is room for; says how many.
  std::size_t append(std::span<const std::uint8_t> bytes);
  std::size_t room() const noexcept { return capacity_ - size(); }
  std::size_t size() const noexcept { return static_cast<std::size_t>(end_ - begin_); }

  /// Offsets in the direction: the first byte held, and the next to be appended.
  std::uint64_t begin() const noexcept { return begin_; }
  std::uint64_t end() const noexcept { return end_; }

  /// The peer has all before `offset`. False when it cannot have: that was never written. What is behind
  /// begin() changes nothing.
  bool acknowledge(std::uint64_t offset) noexcept;

  /// Copies bytes from `offset` on, which lies between begin() and end(); says how many.
  std::size_t copy(std::uint64_t offset, std::span<std::uint8_t> into) const noexcept;

 private:
  using Memory = BlockPool<16 * 1024, 64>;

  const std::size_t capacity_;
  std::uint64_t begin_ = 0, end_ = 0;
  std::uint64_t blocks_at_ = 0;  // offset of the first block's first byte
  std::deque<Memory::Block> blocks_;
};

}  // namespace surang::fronted
