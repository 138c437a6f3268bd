#include "transports/core/buffer.hpp"

#include <vector>

namespace surang {
namespace {

constexpr std::size_t kKept = 64;  // blocks a thread keeps for later

std::vector<std::unique_ptr<std::uint8_t[]>>& free_list() {
  thread_local std::vector<std::unique_ptr<std::uint8_t[]>> list;
  return list;
}

}  // namespace

ScratchBuffer::ScratchBuffer() {
  auto& list = free_list();
  if (list.empty()) {
    block_ = std::make_unique_for_overwrite<std::uint8_t[]>(kSize);
  } else {
    block_ = std::move(list.back());
    list.pop_back();
  }
}

ScratchBuffer::~ScratchBuffer() {
  if (block_ && free_list().size() < kKept) free_list().push_back(std::move(block_));
}

}  // namespace surang
