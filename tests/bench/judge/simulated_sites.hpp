// What is out there in a simulated network: sites with their distance and moods, how a censor keeps them away
// and when, and what the lines are like. Data; made by schedule, lived in by simulated_network.
#pragma once

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/detection/signals.hpp"

namespace surang::judge {

using client::Clock;
using Span = std::pair<Clock::duration, Clock::duration>;  ///< from, to, since the beginning

/// How a censor keeps a site away. From lie_reset_drop on several at once.
enum class Block {
  none,
  dns_nxdomain,
  dns_bogon,
  dns_liar,
  syn_drop,
  syn_reset,
  icmp,
  reset,
  fin,
  silence,
  http_redirect,       ///< to the censor's page, over plain HTTP
  http_page,           ///< the censor's page itself
  impostor,            ///< a man in the middle of TLS, with a certificate of his own
  freeze,              ///< after some KB of the answer
  throttle,            ///< shaped to a crawl
  reset_by_record,     ///< a reset that a hello in several records passes
  silence_by_segment,  ///< a silence that a hello in several segments passes
  v6_reset,            ///< on IPv6 only, which is tried first
  v4_drop,             ///< on IPv4 only, which is tried first
  lie_reset_drop,      ///< a false address, and at the true one neither name nor address passes
  throttle_reset,      ///< half of the connections are reset, the rest shaped
};
inline constexpr int kBlocks = 21;
std::string_view to_string(Block block);
/// Whether `block` does what `means` does.
bool includes(Block block, Block means);
/// One that shows only when something large is loaded.
bool needs_size(Block block);
bool is_one_family(Block block);
bool is_plain_http(Block block);

/// What one provider does to a site.
struct Censorship {
  Block block = Block::none;
  std::vector<Span> when;
};
inline constexpr int kProvidersOfLines = 2;

struct Site {
  std::string name;
  std::array<Censorship, kProvidersOfLines> censored;
  double flaky = 0;            ///< share of connections that the site itself spoils, whoever makes them
  Clock::duration distance{};  ///< round trip beyond the access network
  Clock::duration thinking{};  ///< on average, before it answers
  bool plain = false;          ///< speaks HTTP on port 80 and no TLS
  bool has_v4 = true, has_v6 = false, v6_first = true;
  std::size_t freezes_after = 20'000;  ///< bytes, where it is made to
  double shaped_to = 20e3;             ///< bytes a second, the same
};

struct Conditions {
  double loss = 0;        ///< of packets, each way
  Clock::duration rtt{};  ///< of the access network
  Clock::duration bridge_rtt{};
  double line = 1e6;           ///< bytes a second
  bool control = false;        ///< the bridge tells what it sees of sites
  std::vector<Span> outages;   ///< nothing comes through
  bool names_survive = false;  ///< but for the names, which a resolver near by has in its cache
  std::vector<Span> bridge_down;
  std::vector<Span> elsewhere;  ///< when the person is on the other provider's line
};

/// Bytes a second that one TCP connection reaches over such a path.
double pace(const Conditions& conditions, Clock::duration rtt);
/// Whether `at` lies in one of them.
bool within(const std::vector<Span>& spans, Clock::duration at);

}  // namespace surang::judge
