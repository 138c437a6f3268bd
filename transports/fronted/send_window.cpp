#include "transports/fronted/send_window.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace surang::fronted {

SendWindow::~SendWindow() {
  for (auto& block : blocks_) Memory::give(std::move(block));
}

std::size_t SendWindow::append(std::span<const std::uint8_t> bytes) {
  bytes = bytes.first(std::min(bytes.size(), room()));
  const auto taken = bytes.size();
  while (!bytes.empty()) {
    const auto at = static_cast<std::size_t>(end_ - blocks_at_);
    if (at == blocks_.size() * Memory::kSize) blocks_.push_back(Memory::take());
    const auto within = at % Memory::kSize;
    const auto n = std::min(bytes.size(), Memory::kSize - within);
    std::memcpy(blocks_.back().get() + within, bytes.data(), n);
    end_ += n;
    bytes = bytes.subspan(n);
  }
  return taken;
}

bool SendWindow::acknowledge(std::uint64_t offset) noexcept {
  if (offset > end_) return false;
  begin_ = std::max(begin_, offset);
  while (!blocks_.empty() && begin_ - blocks_at_ >= Memory::kSize) {
    Memory::give(std::move(blocks_.front()));
    blocks_.pop_front();
    blocks_at_ += Memory::kSize;
  }
  if (begin_ == end_ && !blocks_.empty()) {
    Memory::give(std::move(blocks_.front()));
    blocks_.clear();
    blocks_at_ = begin_;
  }
  return true;
}

std::size_t SendWindow::copy(std::uint64_t offset, std::span<std::uint8_t> into) const noexcept {
  const auto size = std::min<std::uint64_t>(into.size(), end_ - offset);
  into = into.first(static_cast<std::size_t>(size));
  while (!into.empty()) {
    const auto at = static_cast<std::size_t>(offset - blocks_at_);
    const auto within = at % Memory::kSize;
    const auto n = std::min(into.size(), Memory::kSize - within);
    std::memcpy(into.data(), blocks_[at / Memory::kSize].get() + within, n);
    offset += n;
    into = into.subspan(n);
  }
  return static_cast<std::size_t>(size);
}

}  // namespace surang::fronted
