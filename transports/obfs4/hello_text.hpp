// Printable text of a user's own making, for hellos that a censor takes for somebody's plain protocol:
// letters and how often each comes, lengths of words and lines and what stands between them come from the
// user's key, the words are drawn anew each time. Used by shape.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "transports/obfs4/taste.hpp"

namespace surang::obfs4 {

class HelloText {
 public:
  explicit HelloText(Taste taste);

  /// One unbroken run of printable characters.
  void fill_run(std::span<std::uint8_t> into) const;
  /// Lines, with a few other bytes now and then where the user's text has such; printable to seven tenths at
  /// least.
  void fill_lines(std::span<std::uint8_t> into) const;

 private:
  Symbols letters_{};
  std::string_view between_words_, between_lines_;
  std::size_t shortest_word_, longest_word_;
  std::size_t words_in_line_;
  std::size_t most_other_;
};

}  // namespace surang::obfs4
