// The k=v arguments of pluggable transports in their three spellings: of one connection in the SOCKS user
// name and password (pt-spec 3.5), of a server in TOR_PT_SERVER_TRANSPORT_OPTIONS (3.2.3), and as SMETHOD
// tells them (3.3.3). Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "transports/core/result.hpp"

namespace surang::client::pt {

/// Where a key comes twice, its first value.
using Arguments = std::map<std::string, std::string, std::less<>>;

/// "k=v;k=v" with `\` before what is meant literally. Errc::bad_input: a pair without key or `=`, an escape
/// of nothing. An empty text has no arguments.
Result<Arguments> parse_arguments(std::string_view text);

/// The same, cut into user name and password; a password of one NUL says that there was no need to cut.
Result<Arguments> parse_socks_arguments(std::string_view user, std::string_view password);

/// Of "transport:k=v;transport:k=v" what is for `transport`. Errc::bad_input as above, also for others'
/// pairs.
Result<Arguments> parse_server_options(std::string_view text, std::string_view transport);

/// "k=v,k=v" with `\` before commas, equal signs and `\`, in the order of the keys.
std::string format_smethod_arguments(const Arguments& arguments);

/// The value, or empty without one.
std::string_view value_of(const Arguments& arguments, std::string_view key);

}  // namespace surang::client::pt
