#include "client/os.hpp"

namespace surang::client {

bool add_reload_signal(boost::asio::signal_set&) {
  return false;  // `surang` itself asks for a reload over the control socket
}

}  // namespace surang::client
