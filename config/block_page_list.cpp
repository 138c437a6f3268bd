#include "config/block_page_list.hpp"

#include <algorithm>

#include "config/shipped_lists.hpp"
#include "config/toml_reader.hpp"

namespace surang::config {
namespace {

using Kind = BlockPageMark::Kind;

bool control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

// "Name: value", the value being long enough to tell one.
bool header_form(const std::string& text) {
  const auto colon = text.find(": ");
  return colon != text.npos && colon > 0 && text.find(' ') > colon && colon + 2 < text.size();
}

void check(const TomlReader& at, const char* key, Kind kind, const std::string& text) {
  const auto wrong = [&](const std::string& why) { at.fail(key, "'" + text + "' " + why); };
  if (text.size() < BlockPageList::kShortest)
    wrong("is too short to tell a block page from others: at least " +
          std::to_string(BlockPageList::kShortest) + " characters");
  if (text.size() > BlockPageList::kLongest)
    wrong("is longer than " + std::to_string(BlockPageList::kLongest) + " bytes");
  if (std::any_of(text.begin(), text.end(), control)) wrong("must be one line of text");
  if (kind == Kind::header && !header_form(text)) wrong("is no header such as \"Server: Some Filter\"");
  if (kind == Kind::place && text.find(' ') != text.npos) wrong("has a blank, which no address has");
}

// Gives whether there was any.
bool read_marks(TomlReader& page, const char* key, Kind kind, BlockPageList& list) {
  const auto texts = page.strings(key);
  if (!texts) return false;
  for (const auto& text : *texts) {
    check(page, key, kind, text);
    BlockPageMark mark{kind, text};
    if (std::ranges::find(list.marks, mark) != list.marks.end()) continue;
    if (list.marks.size() >= BlockPageList::kMost)
      page.fail(key, "more than " + std::to_string(BlockPageList::kMost) + " marks of block pages in all");
    list.marks.push_back(std::move(mark));
  }
  return !texts->empty();
}

}  // namespace

void extend_block_pages(BlockPageList& list, std::string_view toml, const std::string& file_name) {
  auto root = TomlReader::parse(toml, file_name);
  // What a later version ships no more is no mistake in somebody's file.
  for (const auto& text : root.strings("disable").value_or(std::vector<std::string>{}))
    std::erase_if(list.marks, [&](const BlockPageMark& mark) { return mark.text == text; });
  for (auto page : root.tables("page")) {
    (void)page.string("country");
    (void)page.string("note");
    const bool places = read_marks(page, "places", Kind::place, list);
    const bool phrases = read_marks(page, "phrases", Kind::phrase, list);
    const bool headers = read_marks(page, "headers", Kind::header, list);
    if (!places && !phrases && !headers)
      page.missing("places", "a page needs at least one of 'places', 'phrases' and 'headers'");
    page.finish();
  }
  root.finish();
}

const BlockPageList& shipped_block_pages() {
  static const BlockPageList list = [] {
    BlockPageList made;
    extend_block_pages(made, kShippedBlockPages, "block_pages.toml");
    return made;
  }();
  return list;
}

}  // namespace surang::config
