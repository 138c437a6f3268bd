#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "transports/quic/packet_socket.hpp"

namespace surang::quic {
namespace {

// Space for what stands beside a datagram: its segment size and the address of ours that it was sent to.
union Control {
  std::array<char, CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(int))> bytes;
  cmsghdr align;
};

template <class T>
T value_of(cmsghdr* message) {
  T value;
  std::memcpy(&value, CMSG_DATA(message), sizeof(value));
  return value;
}

template <class T>
void add(msghdr& to, cmsghdr*& at, int level, int type, const T& value) {
  at->cmsg_level = level;
  at->cmsg_type = type;
  at->cmsg_len = CMSG_LEN(sizeof(value));
  std::memcpy(CMSG_DATA(at), &value, sizeof(value));
  to.msg_controllen += CMSG_SPACE(sizeof(value));
  at = reinterpret_cast<cmsghdr*>(reinterpret_cast<char*>(at) + CMSG_SPACE(sizeof(value)));
}

void set(int fd, int level, int name, int value) {
  (void)::setsockopt(fd, level, name, &value, sizeof(value));
}

}  // namespace

void PacketSocket::prepare() {
  const int fd = socket_.native_handle();
  set(fd, SOL_UDP, UDP_GRO, 1);
  const bool v6 = local().address().is_v6();
  // No router may cut them into pieces: the path's size is looked for.
  set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
  if (v6) set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
  if (connected_) return;
  if (v6)
    set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
  else
    set(fd, IPPROTO_IP, IP_PKTINFO, 1);
}

Result<PacketSocket::Received> PacketSocket::receive(std::span<std::uint8_t> into) {
  Received out;
  Control control;
  iovec data{into.data(), into.size()};
  msghdr message{};
  Path::Address from;
  message.msg_name = from.data();
  message.msg_namelen = static_cast<socklen_t>(from.capacity());
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  const auto n = ::recvmsg(socket_.native_handle(), &message, 0);
  if (n < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return make_error_code(Errc::would_block);
    return error_code(errno, boost::system::system_category());
  }
  out.size = out.segment = static_cast<std::size_t>(n);
  if (connected_) {
    out.path = *connected_;
  } else {
    from.resize(message.msg_namelen);
    out.path = {local(), from};
  }
  for (auto* at = CMSG_FIRSTHDR(&message); at; at = CMSG_NXTHDR(&message, at)) {
    if (at->cmsg_level == SOL_UDP && at->cmsg_type == UDP_GRO) {
      out.segment = static_cast<std::size_t>(value_of<int>(at));
    } else if (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_PKTINFO) {
      const auto info = value_of<in_pktinfo>(at);
      out.path.local.address(asio::ip::address_v4(ntohl(info.ipi_addr.s_addr)));
    } else if (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_PKTINFO) {
      const auto info = value_of<in6_pktinfo>(at);
      asio::ip::address_v6::bytes_type bytes;
      std::memcpy(bytes.data(), &info.ipi6_addr, bytes.size());
      const bool link = asio::ip::address_v6(bytes).is_link_local();
      out.path.local.address(asio::ip::address_v6(bytes, link ? info.ipi6_ifindex : 0));
    }
  }
  return out;
}

bool PacketSocket::send_once(const Path& path, std::span<const std::uint8_t> datagrams, std::size_t segment,
                             error_code& ec) {
  Control control{};
  iovec data{const_cast<std::uint8_t*>(datagrams.data()), datagrams.size()};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  auto* at = reinterpret_cast<cmsghdr*>(control.bytes.data());
  if (!connected_) {
    message.msg_name = const_cast<void*>(static_cast<const void*>(path.remote.data()));
    message.msg_namelen = static_cast<socklen_t>(path.remote.size());
    const auto address = path.local.address();
    if (address.is_v4() && !address.is_unspecified()) {
      in_pktinfo info{};
      info.ipi_spec_dst.s_addr = htonl(address.to_v4().to_uint());
      add(message, at, IPPROTO_IP, IP_PKTINFO, info);
    } else if (address.is_v6() && !address.is_unspecified()) {
      in6_pktinfo info{};
      const auto bytes = address.to_v6().to_bytes();
      std::memcpy(&info.ipi6_addr, bytes.data(), bytes.size());
      info.ipi6_ifindex = static_cast<unsigned>(address.to_v6().scope_id());
      add(message, at, IPPROTO_IPV6, IPV6_PKTINFO, info);
    }
  }
  if (datagrams.size() > segment) add(message, at, SOL_UDP, UDP_SEGMENT, static_cast<std::uint16_t>(segment));
  if (message.msg_controllen == 0) message.msg_control = nullptr;
  if (::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL) >= 0) return true;
  // What ICMP said of an earlier one stands in the way of this one, once.
  if (errno == ECONNREFUSED && ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL) >= 0) return true;
  ec = error_code(errno, boost::system::system_category());
  return false;
}

}  // namespace surang::quic
