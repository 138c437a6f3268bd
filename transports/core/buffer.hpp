// Scratch memory that a loop borrows while bytes are in its hands and gives back before it waits.
#pragma once

#include <boost/asio/buffer.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace surang {

/// A block of nearly 64 KiB from a free list of this thread, returned to it on destruction. Empty when moved
/// from.
class ScratchBuffer {
 public:
  /// Leaves room for the head of an HTTP/2 frame, so that block and head fill four TLS records and not a few
  /// bytes of a fifth.
  static constexpr std::size_t kSize = 64 * 1024 - 64;
  ScratchBuffer();
  ~ScratchBuffer();
  ScratchBuffer(ScratchBuffer&&) noexcept = default;
  ScratchBuffer& operator=(ScratchBuffer&&) = delete;

  std::uint8_t* data() noexcept { return block_.get(); }
  boost::asio::mutable_buffer all() noexcept { return {block_.get(), kSize}; }

 private:
  std::unique_ptr<std::uint8_t[]> block_;
};

}  // namespace surang
