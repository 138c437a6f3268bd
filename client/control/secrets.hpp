// Keeps links and the certs of bridge lines out of what is printed: whoever sees the screen or a log could
// use the bridge. Pure.
#pragma once

#include <string>
#include <string_view>

namespace surang::client {

/// `text` with all of each link but its scheme replaced: "surang://...", "cert=...".
std::string without_links(std::string_view text);

}  // namespace surang::client
