#include "config/captive_probe.hpp"

#include <algorithm>

#include "transports/core/endpoint.hpp"

namespace surang::config {

std::optional<CaptiveProbe> parse_captive_probe(std::string_view url) {
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme)) return std::nullopt;
  url.remove_prefix(kScheme.size());
  const auto slash = std::min(url.find('/'), url.size());
  const auto at = Endpoint::parse(url.substr(0, slash), 80);
  const auto target = url.substr(slash);
  // It becomes part of a request line (RFC 9112 3).
  const bool plain = std::all_of(target.begin(), target.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (!at || at->port() == 0 || !plain || target.find('#') != target.npos) return std::nullopt;
  CaptiveProbe probe;
  probe.host = at->host();
  probe.port = at->port();
  if (!target.empty()) probe.target = target;
  return probe;
}

}  // namespace surang::config
