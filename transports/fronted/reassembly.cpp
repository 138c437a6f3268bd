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
    ahead_.emplace(offset, std::vector<std::uint8_t>(bytes.begin(), bytes.end()));
    return taken;
  }
  const auto begin = std::min(offset, first->first);
  std::vector<std::uint8_t> whole;
  if (begin == first->first) whole = std::move(first->second);
  auto at = begin + whole.size();  // up to here it is whole
  const auto fill = [&](std::uint64_t until) {
    if (until <= at) return;
    const auto from = bytes.subspan(static_cast<std::size_t>(at - offset));
    const auto n = static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(from.size(), until - at));
    whole.insert(whole.end(), from.begin(), from.begin() + n);
    at += static_cast<std::uint64_t>(n);
  };
  for (auto piece = begin == first->first ? std::next(first) : first; piece != last; ++piece) {
    fill(piece->first);
    whole.insert(whole.end(), piece->second.begin(), piece->second.end());
    at += piece->second.size();
  }
  fill(end);
  ahead_.erase(first, last);
  ahead_.emplace(begin, std::move(whole));
  return taken;
}

// What has become next is no longer ahead.
void Reassembly::settle() {
  while (!ahead_.empty() && ahead_.begin()->first <= next_) {
    const auto piece = ahead_.extract(ahead_.begin());
    const auto known = static_cast<std::size_t>(next_ - piece.key());
    if (known >= piece.mapped().size()) continue;
    const auto fresh = std::span<const std::uint8_t>(piece.mapped()).subspan(known);
    ready_.append(fresh);
    next_ += fresh.size();
  }
}

}  // namespace surang::fronted
