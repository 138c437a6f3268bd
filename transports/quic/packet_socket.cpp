#include "transports/quic/packet_socket.hpp"

#include <sodium/randombytes.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "transports/udp/udp_socket.hpp"

namespace surang::quic {

using asio::ip::udp;

namespace {

constexpr std::uint32_t kLowestPort = 2000;  // of ours that we bind ourselves
constexpr int kDraws = 8;

}  // namespace

error_code PacketSocket::listen(const Path::Address& at) {
  if (const auto ec = open_udp_socket(socket_, at, !at.address().is_unspecified())) return ec;
  prepare();
  return {};
}

// From a port below the bridge's where one is free: the Great Firewall takes the lower one for the server's
// ("Exposing and Circumventing SNI-based QUIC Censorship", USENIX Security 2025), and looks into what clients
// say only.
error_code PacketSocket::connect(const Path::Address& to) {
  error_code ec = asio::error::address_in_use;
  for (int tries = 0; ec && tries < kDraws && to.port() > 2 * kLowestPort; ++tries) {
    const auto port = kLowestPort + randombytes_uniform(to.port() - kLowestPort);
    ec = open_udp_socket(socket_, {to.protocol(), static_cast<std::uint16_t>(port)});
  }
  if (ec) ec = open_udp_socket(socket_, {to.protocol(), 0});
  if (!ec) socket_.connect(to, ec);
  if (ec) {
    close();
    return ec;
  }
  connected_ = Path{local(), to};
  prepare();
  return {};
}

void PacketSocket::close() noexcept {
  error_code ignored;
  socket_.close(ignored);
}

Path::Address PacketSocket::local() const {
  error_code ignored;
  return socket_.local_endpoint(ignored);
}

bool PacketSocket::send(const Path& path, std::span<const std::uint8_t> datagrams, std::size_t segment) {
  error_code ec;
  if (segments_ || datagrams.size() <= segment) {
    if (send_once(path, datagrams, segment, ec)) return true;
    if (ec == asio::error::would_block || ec == asio::error::try_again) return false;
    if (datagrams.size() <= segment) return true;
    namespace errc = boost::system::errc;
    const bool cannot = ec == errc::io_error || ec == errc::invalid_argument ||
                        ec == errc::operation_not_supported || ec == errc::message_size;
    if (!cannot) return true;
    segments_ = false;  // a device or a system that takes one at a time
  }
  for (bool first = true; !datagrams.empty(); first = false) {
    const auto one = datagrams.first(std::min(segment, datagrams.size()));
    if (!send_once(path, one, segment, ec) && first &&
        (ec == asio::error::would_block || ec == asio::error::try_again))
      return false;
    datagrams = datagrams.subspan(one.size());
  }
  return true;
}

asio::awaitable<void> PacketSocket::wait_readable() {
  error_code ec;
  co_await socket_.async_wait(udp::socket::wait_read, asio::redirect_error(asio::use_awaitable, ec));
}

asio::awaitable<void> PacketSocket::wait_writable() {
  error_code ec;
  co_await socket_.async_wait(udp::socket::wait_write, asio::redirect_error(asio::use_awaitable, ec));
}

}  // namespace surang::quic
