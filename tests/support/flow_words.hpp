// What tests say and hear by a DatagramFlow.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "transports/core/datagram_flow.hpp"

namespace surang::test {

inline void send(DatagramFlow& flow, const Endpoint& to, std::string_view text) {
  flow.send(to, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}
inline void send(DatagramFlow& flow, const char* to, std::string_view text) {
  send(flow, *Endpoint::parse(to), text);
}

/// "peer text" of the next one, or "!" and the flow's error.
inline asio::awaitable<std::string> hear(DatagramFlow& flow) {
  std::vector<std::uint8_t> room(kMostPayload + 1);
  for (;;) {
    const auto n = flow.try_receive(room);
    if (n) {
      const std::string_view text(reinterpret_cast<const char*>(room.data()), n->size);
      co_return n->from.to_string() + ' ' + std::string(text);
    }
    if (n.error() != Errc::would_block) co_return "!" + n.error().message();
    co_await flow.wait_readable();
  }
}

}  // namespace surang::test
