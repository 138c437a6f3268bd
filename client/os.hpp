// What differs between operating systems in the running client (os_linux.cpp, os_windows.cpp).
#pragma once

#include <boost/asio/signal_set.hpp>

namespace surang::client {

/// The signal that reloads the configuration; false where there is none.
bool add_reload_signal(boost::asio::signal_set& signals);

}  // namespace surang::client
