// Bridge lines as Tor has them: "obfs4 192.0.2.1:443 FINGERPRINT cert=… iat-mode=0", with or without "Bridge"
// before. Such a bridge knows no user of ours; what stands behind it must be said: "behind=socks5". Pure.
#pragma once

#include <string>
#include <string_view>

#include "config/share_link.hpp"

namespace surang::config {

/// Whether a text is meant as one, good or bad.
bool is_bridge_line(std::string_view text);

/// As a link without key and user (`foreign`) and with the one transport "obfs4"; its parameters, those of a
/// newer version too, are the transport's. Errc::bad_input with `why` naming the bad part, never the cert.
Result<ShareLink> parse_bridge_line(std::string_view text, std::string& why);
/// Without "Bridge".
std::string format_bridge_line(const ShareLink& link);

/// Whether something is behind it that we can speak with; when not, `why` is a sentence for the person.
bool usable_bridge_line(const ShareLink& link, std::string& why);

}  // namespace surang::config
