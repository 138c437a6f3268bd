#include "transports/quic/send_buffer.hpp"

#include <algorithm>
#include <cstring>

namespace surang::quic {

void SendBuffer::append(std::span<const std::uint8_t> bytes) {
  size_ += bytes.size();
  while (!bytes.empty()) {
    if (blocks_.empty() || blocks_.back().end == blocks_.back().capacity) {
      // A request or a short answer takes little.
      const std::size_t capacity = blocks_.empty() && bytes.size() <= 512 ? 512 : kBlock;
      blocks_.push_back({std::make_unique_for_overwrite<std::uint8_t[]>(capacity), capacity, 0});
    }
    auto& block = blocks_.back();
    const auto n = std::min(bytes.size(), block.capacity - block.end);
    std::memcpy(block.bytes.get() + block.end, bytes.data(), n);
    block.end += n;
    bytes = bytes.subspan(n);
  }
}

std::size_t SendBuffer::unsent(std::span<std::span<const std::uint8_t>> pieces) const {
  std::size_t passed = sent_, count = 0, begin = begin_;
  for (const auto& block : blocks_) {
    if (count == pieces.size()) break;
    const auto size = block.end - begin;
    if (passed < size) pieces[count++] = {block.bytes.get() + begin + passed, size - passed};
    passed -= std::min(passed, size);
    begin = 0;
  }
  return count;
}

void SendBuffer::acknowledged(std::size_t n) {
  n = std::min(n, size_);
  size_ -= n;
  sent_ -= std::min(n, sent_);
  while (n > 0) {
    const auto here = std::min(n, blocks_.front().end - begin_);
    begin_ += here;
    n -= here;
    if (begin_ < blocks_.front().end) continue;
    blocks_.pop_front();
    begin_ = 0;
  }
}

void SendBuffer::clear() noexcept {
  blocks_.clear();
  begin_ = size_ = sent_ = 0;
}

}  // namespace surang::quic
