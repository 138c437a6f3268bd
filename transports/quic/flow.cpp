#include "transports/quic/flow.hpp"

#include <algorithm>
#include <vector>

#include "transports/core/socks_address.hpp"
#include "transports/tunnel/capsule_flow.hpp"

namespace surang::quic {
namespace {

class QuicFlow final : public DatagramFlow {
 public:
  explicit QuicFlow(std::unique_ptr<QuicStream> stream)
      : stream_(*stream), large_(tunnel::make_capsule_flow(std::move(stream))) {}

  asio::any_io_executor executor() override { return large_->executor(); }

  void send(const Endpoint& to, std::span<const std::uint8_t> payload) override {
    if (closed_ || payload.size() > kMostPayload) return;
    out_.clear();
    socks_address::append(out_, to);
    out_.insert(out_.end(), payload.begin(), payload.end());
    if (!stream_.send_datagram(out_)) large_->send(to, payload);
  }

  Result<Received> try_receive(std::span<std::uint8_t> into) override {
    for (;;) {
      if (closed_) return make_error_code(Errc::closed);
      const auto bytes = stream_.take_datagram();
      if (bytes.empty()) return large_->try_receive(into);
      const auto from = socks_address::parse(bytes);
      if (!from || bytes.size() - from->size > into.size()) continue;
      std::ranges::copy(std::span(bytes).subspan(from->size), into.begin());
      return Received{from->endpoint, bytes.size() - from->size};
    }
  }

  asio::awaitable<void> wait_readable() override { return large_->wait_readable(); }

  void close() noexcept override {
    closed_ = true;
    large_->close();
  }

 private:
  QuicStream& stream_;  // in large_
  const DatagramFlowPtr large_;
  std::vector<std::uint8_t> out_;
  bool closed_ = false;
};

}  // namespace

DatagramFlowPtr make_flow(std::unique_ptr<QuicStream> stream) {
  return std::make_unique<QuicFlow>(std::move(stream));
}

}  // namespace surang::quic
