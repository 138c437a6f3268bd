#include "transports/quic/outbox.hpp"

#include <utility>

namespace surang::quic {

Outbox::Outbox(asio::any_io_executor executor, std::shared_ptr<PacketSocket> socket,
               std::function<void()> free)
    : state_(std::make_shared<State>()), tasks_(std::move(executor)) {
  state_->socket = std::move(socket);
  state_->free = std::move(free);
}

bool Outbox::send(const Path& path, std::span<const std::uint8_t> datagrams, std::size_t segment) {
  auto& s = *state_;
  if (s.waiting.empty() && s.socket->send(path, datagrams, segment)) return true;
  s.waiting.push_back({path, {datagrams.begin(), datagrams.end()}, segment});
  if (s.waiting.size() == 1) tasks_.spawn(empty(state_));
  return false;
}

asio::awaitable<void> Outbox::empty(std::shared_ptr<State> state) {
  while (!state->waiting.empty()) {
    co_await state->socket->wait_writable();
    if (!state->socket->is_open()) {
      state->waiting.clear();
      co_return;
    }
    while (!state->waiting.empty()) {
      const auto& first = state->waiting.front();
      if (!state->socket->send(first.path, first.datagrams, first.segment)) break;
      state->waiting.pop_front();
    }
  }
  state->free();
}

}  // namespace surang::quic
