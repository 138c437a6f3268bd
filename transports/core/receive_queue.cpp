#include "transports/core/receive_queue.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include "transports/core/block_pool.hpp"

namespace surang {
namespace {

using Large = BlockPool<16 * 1024, 256>;
constexpr std::size_t kSmall = 1024;

}  // namespace

struct ReceiveQueue::Block {
  Block* next = nullptr;
  std::uint32_t begin = 0, end = 0, capacity = 0;
  std::uint8_t* bytes() noexcept { return reinterpret_cast<std::uint8_t*>(this + 1); }
  const std::uint8_t* bytes() const noexcept { return reinterpret_cast<const std::uint8_t*>(this + 1); }
};

ReceiveQueue::Block* ReceiveQueue::make_block(std::size_t wanted) {
  const bool small = wanted + sizeof(Block) <= kSmall;
  const std::size_t size = small ? kSmall : Large::kSize;
  auto memory = small ? std::make_unique_for_overwrite<std::uint8_t[]>(kSmall) : Large::take();
  auto* block = new (memory.release()) Block;
  block->capacity = static_cast<std::uint32_t>(size - sizeof(Block));
  return block;
}

void ReceiveQueue::drop(Block* block) noexcept {
  const bool small = block->capacity < Large::kSize - sizeof(Block);
  std::unique_ptr<std::uint8_t[]> memory(reinterpret_cast<std::uint8_t*>(block));
  if (!small) Large::give(std::move(memory));
}

void ReceiveQueue::append(std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    if (!tail_ || tail_->end == tail_->capacity) {
      Block* block = make_block(bytes.size());
      (tail_ ? tail_->next : head_) = block;
      tail_ = block;
    }
    const auto n = std::min<std::size_t>(bytes.size(), tail_->capacity - tail_->end);
    std::memcpy(tail_->bytes() + tail_->end, bytes.data(), n);
    tail_->end += static_cast<std::uint32_t>(n);
    size_ += n;
    bytes = bytes.subspan(n);
  }
}

void ReceiveQueue::append(ReceiveQueue&& other) {
  if (!other.head_) return;
  // Few bytes in many blocks would be much memory for little.
  if (head_ && other.size_ < Large::kSize) {
    for (const auto* block = other.head_; block; block = block->next)
      append({block->bytes() + block->begin, block->end - block->begin});
    return other.clear();
  }
  (tail_ ? tail_->next : head_) = std::exchange(other.head_, nullptr);
  tail_ = std::exchange(other.tail_, nullptr);
  size_ += std::exchange(other.size_, 0);
}

std::size_t ReceiveQueue::read(std::span<std::uint8_t> into) noexcept {
  std::size_t done = 0;
  while (head_ && done < into.size()) {
    const auto n = std::min<std::size_t>(into.size() - done, head_->end - head_->begin);
    std::memcpy(into.data() + done, head_->bytes() + head_->begin, n);
    done += n;
    skip(n);
  }
  return done;
}

void ReceiveQueue::skip(std::size_t n) noexcept {
  while (head_ && n > 0) {
    const auto some = std::min<std::size_t>(n, head_->end - head_->begin);
    head_->begin += static_cast<std::uint32_t>(some);
    size_ -= some;
    n -= some;
    if (head_->begin < head_->end) return;
    Block* gone = head_;
    head_ = head_->next;
    if (!head_) tail_ = nullptr;
    drop(gone);
  }
}

void ReceiveQueue::clear() noexcept {
  while (head_) {
    Block* gone = head_;
    head_ = head_->next;
    drop(gone);
  }
  tail_ = nullptr;
  size_ = 0;
}

}  // namespace surang
