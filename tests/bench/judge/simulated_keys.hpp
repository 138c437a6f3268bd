// The keys of the simulated sites, and how they tell a browser's first flight from a probe's: by a mark in
// the hello's random bytes, or by a field of the request.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "tests/bench/judge/simulated_network.hpp"
#include "tests/support/tls_server.hpp"

namespace surang::judge {

struct SimulatedNetwork::Keys {
  explicit Keys(const std::string& names)
      : sites(test::make_tls_server(names)), impostor(test::make_tls_server(names)) {}
  test::TestServer sites, impostor;
};

inline constexpr std::string_view kBrowsersField = "Sec-Fetch-Mode: navigate";

/// Marks a ClientHello record (RFC 8446 4.1.2) as a browser's.
void mark_as_browsers(std::span<std::uint8_t> hello);
bool is_browsers(std::span<const std::uint8_t> flight);
std::vector<std::uint8_t> session_id_of(std::span<const std::uint8_t> hello);

}  // namespace surang::judge
