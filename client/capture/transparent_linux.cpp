#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/ip/v6_only.hpp>
#include <cerrno>
#include <cstring>

#include "client/capture/transparent.hpp"
#include "transports/core/own_mark.hpp"

namespace surang::client::capture {
namespace {

using boost::asio::ip::udp;

// linux/in6.h has it, and cannot be had beside netinet/in.h.
constexpr int kIpv6OriginalDestination = 74;

error_code last_error() {
  return {errno, boost::system::system_category()};
}

udp::endpoint endpoint_of(const void* address, std::size_t size) {
  udp::endpoint out;
  if (size > out.capacity()) return out;
  std::memcpy(out.data(), address, size);
  out.resize(size);
  return out;
}

// `prepare`: what is to be set before the socket is bound.
template <class Prepare>
error_code open_transparent(udp::socket& socket, const udp::endpoint& at, Prepare prepare) {
  error_code ec, ignored;
  const bool v6 = at.address().is_v6();
  socket.open(at.protocol(), ec);
  if (ec) return ec;
  if (v6) socket.set_option(boost::asio::ip::v6_only(true), ec);
  if (!ec) ec = set_transparent(socket.native_handle(), v6);
  if (!ec) ec = prepare();
  if (!ec) socket.bind(at, ec);
  if (!ec) socket.non_blocking(true, ec);
  if (ec) socket.close(ignored);
  return ec;
}

}  // namespace

error_code set_transparent(int socket, bool v6) {
  const int on = 1;
  const int failed = v6 ? ::setsockopt(socket, SOL_IPV6, IPV6_TRANSPARENT, &on, sizeof on)
                        : ::setsockopt(socket, SOL_IP, IP_TRANSPARENT, &on, sizeof on);
  if (failed != 0) return last_error();
  mark_as_own(socket);
  return {};
}

error_code open_for_captured(udp::socket& socket, bool v6) {
  constexpr int kBuffer = 4 << 20;  // bytes: many programs share it
  namespace ip = boost::asio::ip;
  const auto at =
      v6 ? udp::endpoint(ip::address_v6::loopback(), 0) : udp::endpoint(ip::address_v4::loopback(), 0);
  const auto ec = open_transparent(socket, at, [&]() -> error_code {
    const int on = 1;
    const int failed =
        v6 ? ::setsockopt(socket.native_handle(), SOL_IPV6, kIpv6OriginalDestination, &on, sizeof on)
           : ::setsockopt(socket.native_handle(), SOL_IP, IP_RECVORIGDSTADDR, &on, sizeof on);
    return failed != 0 ? last_error() : error_code();
  });
  error_code ignored;
  if (!ec) socket.set_option(boost::asio::socket_base::receive_buffer_size(kBuffer), ignored);
  return ec;
}

Result<CapturedDatagram> receive_captured(udp::socket& socket, std::span<std::uint8_t> into) {
  sockaddr_storage from{};
  alignas(cmsghdr) char control[256];
  iovec where{into.data(), into.size()};
  msghdr message{};
  message.msg_name = &from;
  message.msg_namelen = sizeof from;
  message.msg_iov = &where;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const auto n = ::recvmsg(socket.native_handle(), &message, MSG_DONTWAIT);
  if (n < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return make_error_code(Errc::would_block);
    return last_error();
  }
  CapturedDatagram got;
  got.size = static_cast<std::size_t>(n);
  got.from = endpoint_of(&from, message.msg_namelen);
  for (auto* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level == SOL_IP && c->cmsg_type == IP_ORIGDSTADDR)
      got.to = endpoint_of(CMSG_DATA(c), sizeof(sockaddr_in));
    if (c->cmsg_level == SOL_IPV6 && c->cmsg_type == kIpv6OriginalDestination)
      got.to = endpoint_of(CMSG_DATA(c), sizeof(sockaddr_in6));
  }
  return got;
}

error_code open_as(udp::socket& socket, const udp::endpoint& from) {
  return open_transparent(socket, from, [&socket] {
    error_code ec;
    socket.set_option(udp::socket::reuse_address(true), ec);
    return ec;
  });
}

}  // namespace surang::client::capture
