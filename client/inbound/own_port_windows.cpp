#include "client/inbound/own_port.hpp"

namespace surang::client {

void claim_port(boost::asio::ip::tcp::acceptor& acceptor, error_code& ec) {
  // There SO_REUSEADDR would let another program take the port away from under us.
  using exclusive = boost::asio::detail::socket_option::boolean<SOL_SOCKET, SO_EXCLUSIVEADDRUSE>;
  acceptor.set_option(exclusive(true), ec);
}

}  // namespace surang::client
