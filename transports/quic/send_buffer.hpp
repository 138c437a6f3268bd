// Bytes of a stream that the peer has not acknowledged: QUIC itself keeps none, and may want them again.
// Pure; made by stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>

namespace surang::quic {

class SendBuffer {
 public:
  void append(std::span<const std::uint8_t> bytes);
  /// Bytes that were not sent yet, as pieces in memory that stay until they are acknowledged. How many
  /// pieces.
  std::size_t unsent(std::span<std::span<const std::uint8_t>> pieces) const;
  void sent(std::size_t n) noexcept { sent_ += n; }
  void acknowledged(std::size_t n);
  /// All that is there is to be sent again, to a peer that has taken none of it.
  void rewind() noexcept { sent_ = 0; }
  void clear() noexcept;

  std::size_t waiting() const noexcept { return size_ - sent_; }  ///< bytes not sent yet
  std::size_t size() const noexcept { return size_; }             ///< bytes not acknowledged
  bool empty() const noexcept { return size_ == 0; }

 private:
  static constexpr std::size_t kBlock = 16 * 1024;
  struct Block {
    std::unique_ptr<std::uint8_t[]> bytes;
    std::size_t capacity = 0, end = 0;
  };
  std::deque<Block> blocks_;
  std::size_t begin_ = 0;  // in the first block
  std::size_t size_ = 0, sent_ = 0;
};

}  // namespace surang::quic
