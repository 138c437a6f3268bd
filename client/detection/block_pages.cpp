#include "client/detection/block_pages.hpp"

#include <algorithm>
#include <charconv>

#include "client/detection/answer_head.hpp"

namespace surang::client {
namespace {

// An ordinary page may quote a mark; a block page is short and says little else.
constexpr std::size_t kLooked = 4096;
constexpr std::size_t kLongest = 32 * 1024;

bool name_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool digit(char c) {
  return c >= '0' && c <= '9';
}

// "10.10.34.3" is not at "110.10.34.3" nor "10.10.34.35", "block.example" not at "unblock.example".
bool stands_alone(std::string_view text, std::size_t at, std::size_t size) {
  const auto end = at + size;
  if (at > 0 && name_char(text[at]) && name_char(text[at - 1])) return false;
  return end >= text.size() || !digit(text[end - 1]) || !digit(text[end]);
}

bool says_long(std::string_view head) {
  std::size_t length = 0;
  const auto text = header_of(head, "content-length");
  std::from_chars(text.data(), text.data() + text.size(), length);
  return length > kLongest;
}

bool leads_elsewhere(std::string_view body) {
  static const TextMarks ways = [] {
    TextMarks marks;
    for (const auto* mark : {"<iframe", "<frame", "http-equiv", "location"}) marks.add(mark);
    return marks;
  }();
  return !ways.find(body).empty();
}

}  // namespace

BlockPages::BlockPages(const config::BlockPageList& list) {
  using Kind = config::BlockPageMark::Kind;
  for (const auto& mark : list.marks) {
    if (mark.kind == Kind::place) places_.add(mark.text);
    if (mark.kind == Kind::phrase) phrases_.add(mark.text);
    if (mark.kind != Kind::header) continue;
    const auto colon = mark.text.find(':');
    const auto value = mark.text.find_first_not_of(' ', std::min(colon, mark.text.size() - 1) + 1);
    if (colon == mark.text.npos || value == mark.text.npos) continue;
    headers_.push_back({mark.text.substr(0, colon), mark.text.substr(value)});
  }
}

bool BlockPages::places_in(std::string_view text, std::size_t begin_before) const {
  return !places_
              .find(text, [&](std::size_t at,
                              std::size_t size) { return at < begin_before && stands_alone(text, at, size); })
              .empty();
}

bool BlockPages::knows_place(std::string_view location) const {
  return places_in(location, location.find_first_of("?#"));
}

bool BlockPages::knows_page(std::string_view head, std::string_view body) const {
  for (const auto& header : headers_)
    if (starts_nocase(header_of(head, header.name), header.begin)) return true;
  if (says_long(head)) return false;
  body = body.substr(0, kLooked);
  if (!phrases_.find(body).empty()) return true;
  // A frame or script that leads to a known place.
  return leads_elsewhere(body) && places_in(body, body.npos);
}

}  // namespace surang::client
