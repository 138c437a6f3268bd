// What of a link this build can go by. For the app and for `surang add`; dials nothing.
#pragma once

#include <string>
#include <vector>

#include "config/share_link.hpp"

namespace surang::client {

/// When not, `why` says what is wrong.
bool usable(const config::ShareLink& link, const TransportSpec& spec, std::string& why);
/// Whether the pool will have a lane for any of them.
bool any_usable(const std::vector<config::ShareLink>& links);

}  // namespace surang::client
