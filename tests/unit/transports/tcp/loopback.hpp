// Listeners and connected pairs on loopback for the tests of transports/tcp and of the relay.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <utility>

#include "transports/tcp/tcp_stream.hpp"

namespace surang::test {

inline asio::ip::tcp::acceptor listen_on(asio::io_context& io, const char* address, std::uint16_t port = 0,
                                         int backlog = 64) {
  const asio::ip::tcp::endpoint at(asio::ip::make_address(address), port);
  asio::ip::tcp::acceptor acceptor(io, at.protocol());
  acceptor.set_option(asio::ip::tcp::acceptor::reuse_address(true));
  acceptor.bind(at);
  acceptor.listen(backlog);
  return acceptor;
}

/// Both ends of one TCP connection.
inline std::pair<StreamPtr, StreamPtr> tcp_pair(asio::io_context& io) {
  auto acceptor = listen_on(io, "127.0.0.1");
  asio::ip::tcp::socket near(io);
  near.connect(acceptor.local_endpoint());
  asio::ip::tcp::socket far = acceptor.accept();
  return {make_tcp_stream(std::move(near)), make_tcp_stream(std::move(far))};
}

}  // namespace surang::test
