// A connection in the simulated network: answers a first flight after as long as path and site take, or as
// the censor wants it. What a probe says beyond that is spoken with real TLS and HTTP.
#pragma once

#include <boost/asio/steady_timer.hpp>

#include "tests/bench/judge/simulated_network.hpp"

namespace surang::judge {

enum class Fate { answers, reset, fin, silent, impostor, bridge_says_down };

class SimulatedStream final : public Stream {
 public:
  /// `rtt` of the whole path. `counted`: its bytes are direct traffic.
  SimulatedStream(SimulatedNetwork& network, const Site* site, Fate fate, Clock::duration rtt, bool counted);
  ~SimulatedStream() override;

  asio::any_io_executor executor() override { return network_.executor_; }
  Result<std::size_t> try_read(asio::mutable_buffer into) override;
  asio::awaitable<Result<void>> wait_readable() override;
  asio::awaitable<Result<void>> write_all(asio::const_buffer from) override;
  asio::awaitable<Result<void>> shutdown_write() override { co_return Result<void>{}; }
  void close(bool abort) noexcept override;

 private:
  struct Server;
  void answer(std::vector<std::uint8_t> bytes);
  void count(std::size_t bytes, bool flight);

  SimulatedNetwork& network_;
  const Site* site_;
  const Fate fate_;
  const Clock::duration rtt_;
  const bool counted_;
  bool said_ = false, closed_ = false, browser_ = false;
  asio::steady_timer ready_;
  std::vector<std::uint8_t> bytes_;
  std::size_t read_ = 0;
  std::unique_ptr<Server> server_;
};

}  // namespace surang::judge
