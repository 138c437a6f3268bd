// One direction as it comes in: pieces at their offsets, twice, overlapping, in any order, made one sequence
// again. Pure; used at both ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>

#include "transports/core/receive_queue.hpp"

namespace surang::fronted {

class Reassembly {
 public:
  /// Holds at most `capacity` bytes that were not read, be they next or out of order.
  explicit Reassembly(std::size_t capacity) : capacity_(capacity) {}

  /// Takes the bytes at `offset` as far as they may be held, and says how many of them that was, from their
  /// first on; what is known already counts as taken. Less than all: the rest must be said again when more
  /// has been read. A piece that would stand by itself is refused whole when there are too many of those.
  std::size_t add(std::uint64_t offset, std::span<const std::uint8_t> bytes);

  /// Moves out what is next; says how many bytes.
  std::size_t read(std::span<std::uint8_t> into) noexcept { return ready_.read(into); }
  std::size_t readable() const noexcept { return ready_.size(); }

  /// All before this offset has come.
  std::uint64_t next() const noexcept { return next_; }
  /// Bytes from this offset on would not be taken now.
  std::uint64_t limit() const noexcept { return next_ - ready_.size() + capacity_; }

 private:
  static constexpr std::size_t kMostPieces = 256;

  void settle();

  const std::size_t capacity_;
  ReceiveQueue ready_;
  std::uint64_t next_ = 0;
  std::map<std::uint64_t, ReceiveQueue> ahead_;  // none touches another, or next_
};

}  // namespace surang::fronted
