#include "client/inbound/own_port.hpp"

namespace surang::client {

void claim_port(boost::asio::ip::tcp::acceptor& acceptor, error_code& ec) {
  // Old connections in TIME_WAIT must not keep a restart from its port; a second listener is still refused.
  acceptor.set_option(boost::asio::ip::tcp::acceptor::reuse_address(true), ec);
}

}  // namespace surang::client
