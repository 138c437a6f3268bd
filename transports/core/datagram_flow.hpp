// Datagrams to any peers and back, the counterpart of Stream for UDP: by sockets (udp/), through a tunnel
// (tunnel/capsule_flow). What is sent may be lost, as in any network. Used from one executor only.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <span>

#include "transports/core/buffer.hpp"
#include "transports/core/endpoint.hpp"

namespace surang {

namespace asio = boost::asio;

/// What fits a block of scratch memory, 36 bytes less than UDP can carry over IPv4 (RFC 768, RFC 791); with
/// one byte more a socket shows that there was more. What is longer is lost.
inline constexpr std::size_t kMostPayload = ScratchBuffer::kSize - 1;

class DatagramFlow {
 public:
  struct Received {
    Endpoint from;  ///< an address
    std::size_t size = 0;
  };

  virtual ~DatagramFlow() = default;
  virtual asio::any_io_executor executor() = 0;

  /// Never waits. What cannot leave now, has no route, or may not go there is lost.
  virtual void send(const Endpoint& to, std::span<const std::uint8_t> payload) = 0;

  /// One that has come, into `into`, which is longer than kMostPayload. Errc::would_block: none is there.
  /// Another error: the flow has ended.
  virtual Result<Received> try_receive(std::span<std::uint8_t> into) = 0;

  /// Waits until try_receive may have something to say. May wake for nothing. One waiter at a time.
  virtual asio::awaitable<void> wait_readable() = 0;

  /// Ends it; who waits is woken. Its destruction does the same.
  virtual void close() noexcept = 0;
};

using DatagramFlowPtr = std::unique_ptr<DatagramFlow>;

/// Opens flows, as a Dialer does Streams.
class DatagramOpener {
 public:
  virtual ~DatagramOpener() = default;
  /// Errc::no_route: nothing carries datagrams here; Errc::limit: too many are open.
  virtual asio::awaitable<Result<DatagramFlowPtr>> open() = 0;
};

}  // namespace surang
