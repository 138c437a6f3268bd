// The kernel's rules for capturing, as a text for nft(8). Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "config/client_options.hpp"

namespace surang::client::capture {

struct RuleFacts {
  std::uint16_t tcp4 = 0, tcp6 = 0, udp4 = 0,
                udp6 = 0;  ///< ports at the loopback addresses that take; 0: none
  config::CaptureOptions options;
};

/// How long the rules take anything without a word from the process.
inline constexpr std::chrono::seconds kAliveFor{15};

/// One table, "inet surang", which the kernel removes with the netlink socket that made it. It takes nothing
/// before the first keep_alive(): until then the kernel gets to know what is under way, and is not to be
/// taken.
std::string make_rules(const RuleFacts& facts);
/// The word that this process lives: the rules take for kAliveFor more.
std::string keep_alive();
/// No connection begins to be taken; those that were still are.
std::string take_no_more();
std::string remove_rules();
/// Fails where no process captures, or it has not said for kAliveFor that it lives.
std::string is_alive();

}  // namespace surang::client::capture
