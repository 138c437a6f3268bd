// How a pluggable transport notices that its parent process wants it no more, or is no more (pt-spec 3.4).
#pragma once

#include <boost/asio/awaitable.hpp>

namespace surang::client::pt {

/// Returns when stdin ends, with `by_stdin`; else when the parent process has gone, as far as the system
/// tells.
boost::asio::awaitable<void> until_parent_leaves(bool by_stdin);

}  // namespace surang::client::pt
