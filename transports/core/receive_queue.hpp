// Bytes that a stream has received and nobody has read yet. Empty it holds no memory; a few bytes take a
// small block, bulk goes into pooled ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace surang {

class ReceiveQueue {
 public:
  ReceiveQueue() = default;
  ~ReceiveQueue() { clear(); }
  ReceiveQueue(ReceiveQueue&& other) noexcept { append(std::move(other)); }
  ReceiveQueue& operator=(ReceiveQueue&&) = delete;

  void append(std::span<const std::uint8_t> bytes);
  /// Takes what `other` holds, without copying it where that is much.
  void append(ReceiveQueue&& other);
  /// Moves out as many bytes as there are and fit; says how many.
  std::size_t read(std::span<std::uint8_t> into) noexcept;
  /// Drops the first `n` bytes, or all there are.
  void skip(std::size_t n) noexcept;
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  void clear() noexcept;

 private:
  struct Block;
  static Block* make_block(std::size_t wanted);
  static void drop(Block* block) noexcept;

  Block* head_ = nullptr;
  Block* tail_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace surang
