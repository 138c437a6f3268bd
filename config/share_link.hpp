// surang:// links: everything a client needs to reach a bridge (PROTOCOL.md, links). Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "transports/registry.hpp"

namespace surang::config {

struct ShareLink {
  BridgeIdentity bridge;
  std::vector<TransportSpec> transports;                     ///< in the link's order
  std::string name;                                          ///< what the person calls it; may be empty
  std::vector<std::pair<std::string, std::string>> unknown;  ///< parameters of a newer version, kept
  bool foreign = false;  ///< a bridge of another kind: without key and user (bridge_line)
  friend bool operator==(const ShareLink&, const ShareLink&) = default;
};

/// Errc::bad_input with `why` naming the bad part, never the secret.
Result<ShareLink> parse_share_link(std::string_view text, std::string& why);
std::string format_share_link(const ShareLink& link);

}  // namespace surang::config
