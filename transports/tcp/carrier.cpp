#include "transports/tcp/carrier.hpp"

#include "transports/tcp/congestion.hpp"

namespace surang {

asio::awaitable<Result<StreamPtr>> dial_carrier(Dialer& tcp, std::vector<std::string> hosts,
                                                std::uint16_t port) {
  error_code failure = make_error_code(Errc::no_route);
  for (const auto& host : hosts) {
    Endpoint to(host, port);
    auto raw = co_await tcp.dial(to);
    if (raw.has_error()) {
      failure = raw.error();
      continue;
    }
    tune_carrier((*raw)->native_socket());
    co_return std::move(*raw);
  }
  co_return failure;
}

}  // namespace surang
