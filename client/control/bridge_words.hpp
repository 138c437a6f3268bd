// What `surang add` is given: links of ours, and bridge lines, which a shell may have cut into words. Pure.
#pragma once

#include <string>
#include <vector>

#include "config/share_link.hpp"

namespace surang::client {

/// The words of the command line as texts of one bridge each.
std::vector<std::string> bridge_texts(const std::vector<std::string>& words);

/// `behind`: what stands behind bridges given by lines, "socks5"; empty: what the lines say. Errc::bad_input
/// with a sentence in `why`.
Result<config::ShareLink> parse_bridge_text(const std::string& text, const std::string& behind,
                                            std::string& why);

}  // namespace surang::client
