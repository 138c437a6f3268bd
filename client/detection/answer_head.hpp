// Looking into the head of an HTTP/1 answer (RFC 9112), as a stranger sent it. Pure; for first_answer,
// block_pages and short_page.
#pragma once

#include <string_view>

namespace surang::client {

bool equal_nocase(std::string_view a, std::string_view b) noexcept;
bool starts_nocase(std::string_view text, std::string_view start) noexcept;

/// The value of the first header of that name, blanks cut off; empty where there is none. `head` begins with
/// the status line.
std::string_view header_of(std::string_view head, std::string_view name) noexcept;

}  // namespace surang::client
