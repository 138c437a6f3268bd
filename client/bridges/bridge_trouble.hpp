// Why a bridge cannot be used, in words for a person. For the log of bridge_pool and for `surang status`.
#pragma once

#include <string>

#include "transports/core/result.hpp"

namespace surang::client {

/// The end of a sentence about the bridge: "does not answer: silence".
std::string bridge_trouble(const error_code& why);

}  // namespace surang::client
