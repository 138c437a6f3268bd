#include <csignal>

#include "client/os.hpp"

namespace surang::client {

bool add_reload_signal(boost::asio::signal_set& signals) {
  signals.add(SIGHUP);
  return true;
}

}  // namespace surang::client
