// What a bridge lets one session do, and what it counts. For the acceptors of sessions, whatever carries them
// (tunnel_acceptor), and what they share (exit); the bridge-server's configuration and status.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "transports/tunnel/flood_guard.hpp"

namespace surang::tunnel {

struct ServeLimits {
  std::uint32_t max_streams = 1024;  ///< concurrent, per session
  std::uint32_t max_header_bytes = 16 * 1024;
  std::uint32_t max_resets_per_minute = 2000;  ///< of unanswered streams (CVE-2023-44487)
  std::uint32_t max_pings_per_minute = 300;
  std::chrono::seconds idle_session_limit{600};
  std::chrono::seconds stream_idle_limit{7440};  ///< as any relay
  std::uint32_t max_flows = 512;                 ///< of datagrams, per session
  std::chrono::seconds flow_idle_limit{300};     ///< without one (RFC 4787 REQ-5)
};

/// Shared by all sessions of a bridge (or of a user); thread safe.
struct ServeCounters {
  std::atomic<std::uint64_t> sessions{0}, streams{0}, bytes_up{0}, bytes_down{0};
  std::atomic<std::uint64_t> refused_proof{0}, refused_streams{0}, refused_headers{0}, refused_destination{0};
  std::atomic<std::uint64_t> flows{0}, refused_flows{0};          ///< of datagrams
  std::atomic<std::uint64_t> questions{0}, refused_questions{0};  ///< control: answered; too many, or denied
  std::array<std::atomic<std::uint64_t>, FloodGuard::kKinds> floods{};  ///< sessions cut, by FloodGuard::Kind
};

}  // namespace surang::tunnel
