#include "transports/obfs4/burst.hpp"

#include <algorithm>
#include <cstring>

namespace surang::obfs4 {
namespace {

constexpr std::size_t kMostPadding = kMaxFrame + 2 * kFrameOverhead;  // of one pad()

}  // namespace

std::optional<IatMode> iat_mode_named(std::string_view text) {
  if (text.size() != 1 || text[0] < '0' || text[0] > '2') return std::nullopt;
  return static_cast<IatMode>(text[0] - '0');
}

Result<std::span<const std::uint8_t>> Burst::next() {
  if (held() < kMaxFrame && !payload_.empty())
    if (const auto r = refill(); !r) return r.error();
  if (payload_.empty() && !padded_ && iat_ != IatMode::paranoid) {
    padded_ = true;
    if (const auto r = pad(lengths_.sample()); !r) return r.error();
  }
  if (held() == 0) return std::span<const std::uint8_t>();
  auto piece = held();
  if (iat_ == IatMode::enabled) piece = std::min(piece, kMaxFrame);
  if (iat_ == IatMode::paranoid) {
    const auto sampled = sampled_piece();
    if (!sampled) return sampled.error();
    piece = *sampled;
  }
  begin_ += piece;
  return std::span<const std::uint8_t>(memory_).subspan(begin_ - piece, piece);
}

Result<void> Burst::refill() {
  compact();
  while (!payload_.empty() && kMemory - end_ >= kMaxFrame + kMostPadding) {
    const auto part = payload_.first(std::min(payload_.size(), kMaxPayload));
    if (const auto r = append(part, 0); !r) return r;
    payload_ = payload_.subspan(part.size());
  }
  return {};
}

// The length of the next piece is drawn first; where the burst's end falls short of it, padding brings it
// there.
Result<std::size_t> Burst::sampled_piece() {
  for (;;) {
    const std::size_t target = lengths_.sample();
    if (target == 0) continue;
    if (held() >= target) return target;
    compact();
    if (const auto r = pad(target); !r) return r.error();
    if (held() == target) return target;
  }
}

// Brings the last segment to `target` bytes. Where they are fewer than a frame takes, a whole segment and a
// frame of the missing bytes beyond its overhead follow: what obfs4proxy sends then, so its lengths are ours.
Result<void> Burst::pad(std::size_t target) {
  const auto tail = held() % kMaxFrame;
  const auto missing = target >= tail ? target - tail : kMaxFrame - tail + target;
  if (missing == 0) return {};
  if (missing > kFrameOverhead) return append({}, missing - kFrameOverhead);
  if (const auto r = append({}, kMaxPayload); !r) return r;
  return append({}, missing);
}

Result<void> Burst::append(std::span<const std::uint8_t> payload, std::size_t padding) {
  const auto size = encoder_.encode(PacketType::data, payload, padding, memory_.subspan(end_));
  if (!size) return size.error();
  end_ += *size;
  return {};
}

void Burst::compact() noexcept {
  if (begin_ > 0) std::memmove(memory_.data(), memory_.data() + begin_, held());
  end_ -= begin_;
  begin_ = 0;
}

}  // namespace surang::obfs4
