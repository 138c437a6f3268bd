// Known block pages, by marks in their redirect, head or body (block_pages.cpp holds the list). Pure.
#pragma once

#include <string_view>

namespace surang::client {

/// A Location that only block pages send to.
bool is_block_page_place(std::string_view location);
/// `head` with its status line, `body` as far as it has come.
bool is_block_page(std::string_view head, std::string_view body);

}  // namespace surang::client
