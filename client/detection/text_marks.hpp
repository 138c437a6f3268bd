// Many short texts looked for in another at once, whatever the case of their ASCII letters. One pass over the
// text, so that it may stand in the way of every answer. Pure; block_pages is made of these.
#pragma once

#include <bitset>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace surang::client {

class TextMarks {
 public:
  /// What is shorter is never found.
  static constexpr std::size_t kLeast = 4;

  void add(std::string_view mark);

  /// The first mark in `text` that `accepts` (its place in the text and its length), or an empty one.
  std::string_view find(std::string_view text,
                        const std::function<bool(std::size_t at, std::size_t size)>& accepts = {}) const;

 private:
  std::bitset<1 << 14>
      begins_;  // of the marks' first four bytes, folded: most places of a text are not there
  std::unordered_map<std::uint32_t, std::vector<std::string>> by_begin_;
};

}  // namespace surang::client
