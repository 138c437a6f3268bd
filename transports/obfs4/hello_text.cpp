#include "transports/obfs4/hello_text.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "transports/obfs4/draw.hpp"

namespace surang::obfs4 {
namespace {

constexpr std::array<std::string_view, 8> kAlphabets{
    "abcdefghijklmnopqrstuvwxyz",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "0123456789abcdef",
    "0123456789",
    "abcdefghijklmnopqrstuvwxyz0123456789._",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%'()*?@[]^{}~",
};
constexpr std::array<std::string_view, 12> kBetweenWords{" ", ", ", "; ", ": ", "-",  "_",
                                                         "/", "&",  "=",  "|",  "\\", " > "};
constexpr std::array<std::string_view, 3> kBetweenLines{"\n", "\r\n", "\n\n"};

// Random bytes, drawn by the block.
class Draws {
 public:
  std::uint8_t byte() {
    if (at_ == block_.size()) {
      draw(block_);
      at_ = 0;
    }
    return block_[at_++];
  }
  std::size_t between(std::size_t low, std::size_t high) { return low + byte() * (high - low + 1) / 256; }

 private:
  std::array<std::uint8_t, 512> block_{};
  std::size_t at_ = block_.size();
};

}  // namespace

HelloText::HelloText(Taste taste) {
  const auto alphabet = kAlphabets[taste.below(kAlphabets.size())];
  between_words_ = kBetweenWords[taste.below(kBetweenWords.size())];
  between_lines_ = kBetweenLines[taste.below(kBetweenLines.size())];
  shortest_word_ = taste.between(1, 6);
  longest_word_ = shortest_word_ + taste.between(2, 22);
  words_in_line_ = taste.between(8, 32);
  most_other_ = taste.below(2) * taste.below(6);
  // Of letters in an order of the user's own, the first come more often.
  std::vector<std::uint8_t> order(alphabet.begin(), alphabet.end());
  for (auto i = order.size(); i > 1; --i) std::swap(order[i - 1], order[taste.below(i)]);
  for (auto& letter : letters_) {
    const auto a = taste.below(order.size() + 1), b = taste.below(order.size());
    letter = order[a * b / order.size()];
  }
}

void HelloText::fill_run(std::span<std::uint8_t> into) const {
  Draws draws;
  std::size_t left = 0;
  std::string_view between;
  for (auto& byte : into) {
    if (!between.empty()) {
      byte = static_cast<std::uint8_t>(between.front());
      between.remove_prefix(1);
      continue;
    }
    if (left == 0) left = draws.between(shortest_word_, longest_word_);
    byte = letters_[draws.byte()];
    if (--left == 0) between = between_words_;
  }
}

void HelloText::fill_lines(std::span<std::uint8_t> into) const {
  Draws draws;
  while (!into.empty()) {
    const auto words = draws.between(words_in_line_ / 2, words_in_line_);
    const auto line = std::min(into.size(), words * (longest_word_ + shortest_word_) / 2);
    fill_run(into.first(line));
    into = into.subspan(line);
    for (const char c : between_lines_) {
      if (into.empty()) return;
      into[0] = static_cast<std::uint8_t>(c);
      into = into.subspan(1);
    }
    const auto other = std::min(into.size(), draws.between(0, std::min(most_other_, line / 8)));
    for (auto& byte : into.first(other)) byte = draws.byte();
    into = into.subspan(other);
  }
}

}  // namespace surang::obfs4
