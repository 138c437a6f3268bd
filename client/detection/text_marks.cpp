#include "client/detection/text_marks.hpp"

#include "client/detection/answer_head.hpp"

namespace surang::client {
namespace {

std::uint32_t lower(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 'A' && byte <= 'Z' ? byte + 32U : byte;
}

std::uint32_t begin_of(std::string_view text) {
  return lower(text[0]) << 24 | lower(text[1]) << 16 | lower(text[2]) << 8 | lower(text[3]);
}

// Multiplicative hashing: the upper bits of the product depend on all of the word.
std::size_t folded(std::uint32_t begin) {
  return static_cast<std::uint32_t>(begin * 2654435761U) >> 18;
}

}  // namespace

void TextMarks::add(std::string_view mark) {
  if (mark.size() < kLeast) return;
  const auto begin = begin_of(mark);
  begins_.set(folded(begin));
  by_begin_[begin].emplace_back(mark);
}

std::string_view TextMarks::find(std::string_view text,
                                 const std::function<bool(std::size_t at, std::size_t size)>& accepts) const {
  if (text.size() < kLeast) return {};
  auto begin = begin_of(text);
  for (std::size_t at = 0;;) {
    if (begins_.test(folded(begin)))
      if (const auto found = by_begin_.find(begin); found != by_begin_.end())
        for (const auto& mark : found->second)
          if (starts_nocase(text.substr(at), mark) && (!accepts || accepts(at, mark.size()))) return mark;
    ++at;
    if (at + kLeast > text.size()) return {};
    begin = begin << 8 | lower(text[at + kLeast - 1]);
  }
}

}  // namespace surang::client
