#include "transports/core/buffer.hpp"

#include <utility>

#include "transports/core/block_pool.hpp"

namespace surang {
namespace {

// A loop seldom waits with a block in its hands, so that few serve many connections.
using Memory = BlockPool<ScratchBuffer::kSize, 16>;

}  // namespace

ScratchBuffer::ScratchBuffer() : block_(Memory::take()) {}

ScratchBuffer::~ScratchBuffer() {
  Memory::give(std::move(block_));
}

}  // namespace surang
