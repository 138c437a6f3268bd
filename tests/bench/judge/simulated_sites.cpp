#include "tests/bench/judge/simulated_sites.hpp"

#include <algorithm>
#include <cmath>

namespace surang::judge {

std::string_view to_string(Block block) {
  constexpr std::array<std::string_view, kBlocks> kNames{"open",
                                                         "DNS NXDOMAIN",
                                                         "DNS bogon",
                                                         "DNS liar",
                                                         "SYN drop",
                                                         "SYN reset",
                                                         "ICMP",
                                                         "TLS reset",
                                                         "TLS fin",
                                                         "TLS silence",
                                                         "HTTP redirect",
                                                         "HTTP block page",
                                                         "TLS man in the middle",
                                                         "freeze",
                                                         "throttle",
                                                         "reset by record",
                                                         "silence by segment",
                                                         "reset on IPv6",
                                                         "drop on IPv4",
                                                         "lie, reset and drop",
                                                         "throttle and reset"};
  return kNames[static_cast<std::size_t>(block)];
}

bool includes(Block block, Block means) {
  if (block == Block::lie_reset_drop)
    return means == Block::dns_liar || means == Block::reset || means == Block::syn_drop;
  if (block == Block::throttle_reset) return means == Block::throttle;
  return block == means;
}

bool needs_size(Block block) {
  return block == Block::freeze || block == Block::throttle;
}

bool is_one_family(Block block) {
  return block == Block::v6_reset || block == Block::v4_drop;
}

bool is_plain_http(Block block) {
  return block == Block::http_redirect || block == Block::http_page;
}

// With loss, what Mathis et al. found (1997): a window of 1.2 / sqrt(loss) packets a round trip.
double pace(const Conditions& c, Clock::duration rtt) {
  if (c.loss <= 0) return c.line;
  const double seconds = std::chrono::duration<double>(rtt).count();
  return std::min(c.line, 1.2 * 1400 / (seconds * std::sqrt(c.loss)));
}

bool within(const std::vector<Span>& spans, Clock::duration at) {
  return std::any_of(spans.begin(), spans.end(),
                     [&](const auto& s) { return s.first <= at && at < s.second; });
}

}  // namespace surang::judge
