// Which site strangers can be shown from here. `init` asks when nobody named one: a good cover speaks TLS 1.3
// with X25519 and HTTP/2 and gives tickets for early data, as our own users' connections show them, and is
// near, so that nobody wonders about the delay.
#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "transports/core/dialer.hpp"

namespace surang::bridge {

struct CoverTrial {
  Endpoint site;
  std::chrono::milliseconds took{};  ///< connection and handshake
  std::string flaw;                  ///< why it will not do; empty: it will
  std::string remark;                ///< what is not as it should be, though it will do; empty: nothing
};

/// Well-known sites without much that anybody would want to block.
std::span<const std::string_view> cover_candidates();

/// Tries all at once, each for at most `limit` and a moment for its tickets; `context` as from
/// tls::make_client_context, `tcp` opens the connections. In the order of `sites`.
asio::awaitable<std::vector<CoverTrial>> try_covers(std::vector<Endpoint> sites, Dialer& tcp,
                                                    std::shared_ptr<SSL_CTX> context,
                                                    std::chrono::milliseconds limit);

/// The nearest of those that will do, one without a remark before all others.
std::optional<CoverTrial> best_cover(const std::vector<CoverTrial>& trials);

/// Tries the candidates from here; nothing when none will do, as without a network.
std::optional<CoverTrial> choose_cover();

}  // namespace surang::bridge
