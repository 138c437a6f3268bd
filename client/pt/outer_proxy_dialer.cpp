#include "client/pt/outer_proxy_dialer.hpp"

#include <vector>

#include "transports/core/timeout.hpp"

namespace surang::client::pt {
namespace {

// It connects meanwhile.
constexpr std::chrono::seconds kAnswerLimit{30};

asio::awaitable<Result<void>> negotiate(Stream& proxy, ProxyNegotiation& negotiation) {
  std::vector<std::uint8_t> part;
  for (;;) {
    const auto output = negotiation.take_output();
    if (!output.empty()) {
      const auto sent = co_await proxy.write_all(asio::buffer(output));
      if (!sent) co_return sent.error();
    }
    if (negotiation.state() == ProxyNegotiation::State::open) co_return Result<void>{};
    if (negotiation.state() == ProxyNegotiation::State::refused) co_return negotiation.error();
    part.resize(negotiation.wanted());
    const auto got = co_await proxy.read_exactly(asio::buffer(part));
    if (!got) co_return got.error();
    negotiation.feed(part);
  }
}

}  // namespace

asio::awaitable<Result<StreamPtr>> OuterProxyDialer::dial(Endpoint to) {
  auto stream = co_await tcp_.dial(proxy_.at);
  if (!stream) co_return stream.error();
  ProxyNegotiation negotiation(proxy_, to);
  const auto open = co_await with_timeout(kAnswerLimit, negotiate(**stream, negotiation));
  if (!open) co_return open.error();
  co_return std::move(*stream);
}

}  // namespace surang::client::pt
