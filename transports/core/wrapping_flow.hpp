// A DatagramFlow that passes everything on: the base of those that change one thing about another.
#pragma once

#include <utility>

#include "transports/core/datagram_flow.hpp"

namespace surang {

class WrappingFlow : public DatagramFlow {
 public:
  explicit WrappingFlow(DatagramFlowPtr inner) : inner_(std::move(inner)) {}

  asio::any_io_executor executor() override { return inner_->executor(); }
  void send(const Endpoint& to, std::span<const std::uint8_t> payload) override { inner_->send(to, payload); }
  Result<Received> try_receive(std::span<std::uint8_t> into) override { return inner_->try_receive(into); }
  asio::awaitable<void> wait_readable() override { return inner_->wait_readable(); }
  void close() noexcept override { inner_->close(); }

 protected:
  const DatagramFlowPtr inner_;
};

}  // namespace surang
