#include "transports/fronted/reassembly.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace surang::fronted {

std::size_t Reassembly::add(std::uint64_t offset, std::span<const std::uint8_t> bytes) {
  if (offset >= limit()) return 0;
  const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), limit() - offset));
  bytes = bytes.first(taken);
  if (offset + bytes.size() <= next_) return taken;
  if (offset <= next_) {
    bytes = bytes.subspan(static_cast<std::size_t>(next_ - offset));
    ready_.append(bytes);
    next_ += bytes.size();
    settle();
    return taken;
  }
  // Everything that the piece touches becomes one with it; of what both have, the first said counts.
  auto first = ahead_.upper_bound(offset);
  if (first != ahead_.begin()) {
    const auto before = std::prev(first);
    if (before->first + before->second.size() >= offset) first = before;
  }
  const auto end = offset + bytes.size();
  auto last = first;
  while (last != ahead_.end() && last->first <= end) ++last;
  if (first == last) {
    if (ahead_.size() >= kMostPieces) return 0;
    ahead_[offset].append(bytes);
    return taken;
  }
  if (offset < first->first) first = ahead_.try_emplace(first, offset);
  auto& whole = first->second;
  const auto fill = [&](std::uint64_t until) {
    const auto at = first->first + whole.size();  // up to here it is whole
    if (until > at) whole.append(bytes.subspan(at - offset, until - at));
  };
  const auto others = std::next(first);
  for (auto piece = others; piece != last; ++piece) {
    fill(piece->first);
    whole.append(std::move(piece->second));
  }
  ahead_.erase(others, last);
  fill(end);
  return taken;
}

// What has become next is no longer ahead.
void Reassembly::settle() {
  while (!ahead_.empty() && ahead_.begin()->first <= next_) {
    auto piece = ahead_.extract(ahead_.begin());
    piece.mapped().skip(static_cast<std::size_t>(next_ - piece.key()));
    next_ += piece.mapped().size();
    ready_.append(std::move(piece.mapped()));
  }
}

}  // namespace surang::fronted
