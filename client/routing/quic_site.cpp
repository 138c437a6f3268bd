#include "client/routing/quic_site.hpp"

#include <utility>

namespace surang::client {
namespace {

constexpr unsigned kMostHeld = 4;

}  // namespace

// Who repeats the first packets, having heard nothing, says the same again. Later Initial packets, which
// acknowledge, are no beginning.
QuicSite::Look QuicSite::look(std::span<const std::uint8_t> payload) {
  using State = tls::QuicHello::State;
  if (!looking_ && !tls::QuicHello::may_begin(payload)) return Look::same;
  const auto state = hello_.feed(payload);
  looking_ = state == State::need_more && held_ < kMostHeld;
  held_ = looking_ ? held_ + 1 : 0;
  if (looking_) return Look::hold;
  auto name = hello_.server_name();
  hello_ = {};
  if (state != State::complete || name.empty()) return Look::same;
  name_ = std::move(name);
  return Look::site;
}

}  // namespace surang::client
