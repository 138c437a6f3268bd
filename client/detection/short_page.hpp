// A whole short HTML page in an HTTP/1 answer: what a block page is, and little else of a site's. Taken down
// to what tells it from another one, so that pages can be compared across sites and ways. Pure; the bytes are
// a stranger's.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace surang::client {

/// The longest body that counts as short.
inline constexpr std::size_t kShortPage = 4096;

struct ShortPage {
  int status = 0;
  std::string digest;  ///< SHA-256 of status and body in hex, the asked host's name left out of the body
  std::string title;   ///< of its head, at most 200 bytes; may be empty
};

/// One and the same, or two makings of one (another time of day in it, say): equal status and title.
bool alike(const ShortPage& a, const ShortPage& b);

struct PageFound {
  std::optional<ShortPage> page;
  /// It would be one if the connection ended here, and nothing else says where it ends.
  bool open_ended = false;
};

/// `head` with its status line, `body` as far as it has come; `ended`: nothing more will. A page is one with
/// a status of 2xx, 403 or 451 and text/html; its body is whole, short and not empty. `host` was asked for.
PageFound find_short_page(int status, std::string_view head, std::string_view body, bool ended,
                          std::string_view host);

}  // namespace surang::client
