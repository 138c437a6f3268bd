#include "bridge-server/listeners/trusted_edges.hpp"

#include <algorithm>
#include <optional>

#include "transports/core/endpoint.hpp"

namespace surang::bridge {
namespace {

constexpr int kMostHops = 16;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t";
  const auto from = text.find_first_not_of(kSpace);
  if (from == text.npos) return {};
  return text.substr(from, text.find_last_not_of(kSpace) - from + 1);
}

// "192.0.2.1", "2001:db8::1", and as some edges write it with a port: "192.0.2.1:4711", "[2001:db8::1]:4711".
std::optional<boost::asio::ip::address> hop(std::string_view text) {
  if (const auto plain = address_literal(text)) return unmapped(*plain);
  const auto endpoint = Endpoint::parse(text, 0);
  return endpoint && endpoint->address() ? std::optional(unmapped(*endpoint->address())) : std::nullopt;
}

}  // namespace

TrustedEdges::TrustedEdges(const std::vector<std::string>& ranges) {
  for (const auto& range : ranges)
    if (const auto parsed = config::NetworkRange::parse(range)) ranges_.push_back(*parsed);
}

bool TrustedEdges::contains(const boost::asio::ip::address& address) const {
  return std::ranges::any_of(
      ranges_, [plain = unmapped(address)](const auto& range) { return range.contains(plain); });
}

boost::asio::ip::address TrustedEdges::client(const boost::asio::ip::address& peer,
                                              std::string_view forwarded_for) const {
  auto nearest = unmapped(peer);
  for (int hops = 0; hops < kMostHops && !forwarded_for.empty() && contains(nearest); ++hops) {
    const auto comma = forwarded_for.rfind(',');
    const auto before = hop(trimmed(forwarded_for.substr(comma + 1)));  // from the beginning without a comma
    if (!before) break;
    nearest = *before;
    forwarded_for = forwarded_for.substr(0, comma == forwarded_for.npos ? 0 : comma);
  }
  return nearest;
}

}  // namespace surang::bridge
