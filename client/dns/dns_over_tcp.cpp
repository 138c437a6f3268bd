#include "client/dns/dns_over_tcp.hpp"

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "transports/core/own_mark.hpp"

namespace surang::client {

namespace asio = boost::asio;

DnsBytes framed(const DnsBytes& message) {
  DnsBytes out{static_cast<std::uint8_t>(message.size() >> 8), static_cast<std::uint8_t>(message.size())};
  out.insert(out.end(), message.begin(), message.end());
  return out;
}

asio::awaitable<Result<DnsBytes>> ask_over_tcp(asio::any_io_executor executor, asio::ip::udp::endpoint server,
                                               DnsBytes query) {
  asio::ip::tcp::socket socket(executor);
  error_code ec;
  auto token = asio::redirect_error(asio::use_awaitable, ec);
  socket.open(server.address().is_v6() ? asio::ip::tcp::v6() : asio::ip::tcp::v4(), ec);
  if (ec) co_return ec;
  mark_own(socket);
  co_await socket.async_connect({server.address(), server.port()}, token);
  if (ec) co_return ec;
  const auto sent = framed(query);
  co_await asio::async_write(socket, asio::buffer(sent), token);
  if (ec) co_return ec;
  std::array<std::uint8_t, 2> size{};
  co_await asio::async_read(socket, asio::buffer(size), token);
  if (ec) co_return ec;
  DnsBytes message(static_cast<std::size_t>(size[0]) << 8 | size[1]);
  co_await asio::async_read(socket, asio::buffer(message), token);
  if (ec) co_return ec;
  co_return std::move(message);
}

}  // namespace surang::client
