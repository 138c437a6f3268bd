// Blocks of memory of one size, kept on a free list of the thread so that busy streams do not go through the
// allocator (and the kernel) for every frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace surang {

template <std::size_t Size, std::size_t Kept>
class BlockPool {
 public:
  using Block = std::unique_ptr<std::uint8_t[]>;
  static constexpr std::size_t kSize = Size;

  static Block take() {
    auto& list = free_list();
    if (list.empty()) return std::make_unique_for_overwrite<std::uint8_t[]>(Size);
    Block block = std::move(list.back());
    list.pop_back();
    return block;
  }

  static void give(Block block) noexcept {
    auto& list = free_list();
    if (block && list.size() < Kept) list.push_back(std::move(block));
  }

 private:
  static std::vector<Block>& free_list() {
    thread_local std::vector<Block> list = [] {
      std::vector<Block> empty;
      empty.reserve(Kept);
      return empty;
    }();
    return list;
  }
};

}  // namespace surang
