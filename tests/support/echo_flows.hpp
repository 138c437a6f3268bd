// What a bridge carries datagrams to, in the tests of tunnels.
#pragma once

#include <algorithm>
#include <deque>
#include <string>
#include <utility>

#include "transports/core/datagram_flow.hpp"
#include "transports/core/wakeup.hpp"

namespace surang::test {

/// What is sent comes back from 192.0.2.7, on the same port; "end" ends the flow.
class Echoes final : public DatagramOpener {
 public:
  explicit Echoes(asio::any_io_executor executor) : executor_(std::move(executor)) {}
  asio::awaitable<Result<DatagramFlowPtr>> open() override {
    if (refuses) co_return make_error_code(Errc::limit);
    ++opened;
    co_return std::make_unique<Echo>(*this);
  }
  bool refuses = false;
  int opened = 0, ended = 0;
  std::string last_peer;

 private:
  struct Echo final : DatagramFlow {
    explicit Echo(Echoes& e) : all(e) {}
    ~Echo() override { ++all.ended; }
    asio::any_io_executor executor() override { return all.executor_; }
    void send(const Endpoint& to, std::span<const std::uint8_t> payload) override {
      all.last_peer = to.to_string();
      waiting.emplace_back(to.port(), std::string(payload.begin(), payload.end()));
      changed.notify();
    }
    Result<Received> try_receive(std::span<std::uint8_t> into) override {
      if (waiting.empty()) return make_error_code(Errc::would_block);
      const auto [port, text] = std::move(waiting.front());
      waiting.pop_front();
      if (text == "end") return make_error_code(Errc::closed);
      std::ranges::copy(text, into.begin());
      return Received{*Endpoint::make("192.0.2.7", port), text.size()};
    }
    asio::awaitable<void> wait_readable() override {
      while (waiting.empty()) co_await changed.wait(all.executor_);
    }
    void close() noexcept override {}
    Echoes& all;
    std::deque<std::pair<std::uint16_t, std::string>> waiting;
    Wakeup changed;
  };
  asio::any_io_executor executor_;
};

}  // namespace surang::test
