#include "client/outer_proxy/outer_proxy_dialer.hpp"

#include <vector>

#include "transports/core/timeout.hpp"

namespace surang::client {
namespace {

// It connects meanwhile.
constexpr std::chrono::seconds kAnswerLimit{30};

asio::awaitable<Result<void>> negotiate(Stream& proxy, ProxyNegotiation& negotiation) {
  while (negotiation.state() == ProxyNegotiation::State::talking) {
    const auto heard = co_await hear_next(proxy, negotiation);
    if (!heard) co_return heard.error();
  }
  if (negotiation.state() == ProxyNegotiation::State::refused) co_return negotiation.error();
  co_return Result<void>{};
}

}  // namespace

asio::awaitable<Result<void>> hear_next(Stream& proxy, ProxyNegotiation& negotiation) {
  const auto output = negotiation.take_output();
  if (!output.empty()) {
    const auto sent = co_await proxy.write_all(asio::buffer(output));
    if (!sent) co_return sent.error();
  }
  std::vector<std::uint8_t> part(negotiation.wanted());
  const auto got = co_await proxy.read_exactly(asio::buffer(part));
  if (!got) co_return got.error();
  negotiation.feed(part);
  co_return Result<void>{};
}

asio::awaitable<Result<StreamPtr>> OuterProxyDialer::dial(Endpoint to) {
  auto stream = co_await tcp_.dial(proxy_.at);
  if (!stream) co_return stream.error();
  ProxyNegotiation negotiation(proxy_, to);
  const auto open = co_await with_timeout(kAnswerLimit, negotiate(**stream, negotiation));
  if (!open) co_return open.error();
  co_return std::move(*stream);
}

}  // namespace surang::client
