// Known block pages, by marks in their redirect, head or body: the shipped list and the person's own
// (config/block_page_list). Pure and unchanging once made; every HTTP answer is held against it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/detection/text_marks.hpp"
#include "config/block_page_list.hpp"

namespace surang::client {

class BlockPages {
 public:
  BlockPages() = default;  ///< knows none
  explicit BlockPages(const config::BlockPageList& list);

  /// A Location that only block pages send to. What stands behind its `?` may quote anything.
  bool knows_place(std::string_view location) const;
  /// `head` with its status line, `body` as far as it has come.
  bool knows_page(std::string_view head, std::string_view body) const;

 private:
  struct Header {
    std::string name, begin;
  };
  bool places_in(std::string_view text, std::size_t begin_before) const;

  TextMarks places_, phrases_;
  std::vector<Header> headers_;
};

}  // namespace surang::client
