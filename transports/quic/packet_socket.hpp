// A UDP socket that takes and gives many datagrams in one call of the system, where that has one
// (UDP_SEGMENT, UDP_GRO). The client's session has one, and so has the bridge's listener.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/udp.hpp>
#include <cstdint>
#include <optional>
#include <span>

#include "transports/core/result.hpp"
#include "transports/quic/path.hpp"

namespace surang::quic {

namespace asio = boost::asio;

class PacketSocket {
 public:
  explicit PacketSocket(const asio::any_io_executor& executor) : socket_(executor) {}

  /// Open at `at`, for datagrams of anybody; at [::] of IPv4 as well.
  error_code listen(const Path::Address& at);
  /// Open from where the system chooses to, for datagrams of `to` only.
  error_code connect(const Path::Address& to);
  void close() noexcept;
  bool is_open() const noexcept { return socket_.is_open(); }
  Path::Address local() const;

  /// Some datagrams that have come, one behind the other in `into`, all of `segment` bytes but for the last.
  /// Errc:: would_block: none is there.
  struct Received {
    Path path;
    std::size_t size = 0, segment = 0;
  };
  Result<Received> receive(std::span<std::uint8_t> into);

  /// Datagrams of `segment` bytes, the last of at most so many. False: none has left, and none does before
  /// wait_writable(). What the system refuses for another reason is lost, as in any network.
  bool send(const Path& path, std::span<const std::uint8_t> datagrams, std::size_t segment);

  asio::awaitable<void> wait_readable();
  asio::awaitable<void> wait_writable();

 private:
  void prepare();
  bool send_once(const Path& path, std::span<const std::uint8_t> datagrams, std::size_t segment,
                 error_code& ec);

  asio::ip::udp::socket socket_;
  std::optional<Path> connected_;
  bool segments_ = true;  // the system takes several in one call
};

}  // namespace surang::quic
