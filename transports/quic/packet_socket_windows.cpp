#include "transports/quic/packet_socket.hpp"

namespace surang::quic {

void PacketSocket::prepare() {
  segments_ = false;
}

Result<PacketSocket::Received> PacketSocket::receive(std::span<std::uint8_t> into) {
  Received out;
  error_code ec;
  Path::Address from;
  out.size = out.segment = socket_.receive_from(asio::buffer(into.data(), into.size()), from, 0, ec);
  if (ec == asio::error::would_block) return make_error_code(Errc::would_block);
  if (ec) return ec;
  out.path = connected_ ? *connected_ : Path{local(), from};
  return out;
}

bool PacketSocket::send_once(const Path& path, std::span<const std::uint8_t> datagrams, std::size_t,
                             error_code& ec) {
  const auto bytes = asio::buffer(datagrams.data(), datagrams.size());
  if (connected_)
    socket_.send(bytes, 0, ec);
  else
    socket_.send_to(bytes, path.remote, 0, ec);
  return !ec;
}

}  // namespace surang::quic
