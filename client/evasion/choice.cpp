#include "client/evasion/choice.hpp"

#include <algorithm>

namespace surang::client {
namespace {

// What a box shows that has read the site's name in the hello.
bool name_may_explain(Signal met) {
  switch (met) {
    case Signal::forged_rst:
    case Signal::tls_rst:
    case Signal::tls_fin:
    case Signal::tls_silence:
    case Signal::tls_lost:
    case Signal::tls_alert:
    case Signal::tls_not_tls:
      return true;
    default:
      return false;
  }
}

bool address_may_explain(Signal met) {
  switch (met) {
    case Signal::http_rst:
    case Signal::http_fin:
    case Signal::http_silence:
    case Signal::http_lost:
      return true;
    default:
      return name_may_explain(met) || is_connect(met);
  }
}

}  // namespace

bool may_help(Way way, Signal met, bool more_addresses) noexcept {
  if (cuts_hello(way)) return name_may_explain(met);
  return way == Way::direct_other_address && more_addresses && address_may_explain(met);
}

std::vector<Way> evasions_for(const EvasionFacts& facts) {
  std::vector<Way> ways;
  if (facts.hello && facts.cutting) ways = {Way::direct_fragmented, Way::direct_split};
  if (facts.name) ways.push_back(Way::direct_other_address);
  if (!facts.favourite) return ways;
  const auto favourite = std::find(ways.begin(), ways.end(), *facts.favourite);
  if (favourite != ways.end()) std::rotate(ways.begin(), favourite, favourite + 1);
  return ways;
}

std::vector<boost::asio::ip::address> other_addresses(std::vector<boost::asio::ip::address> all,
                                                      std::span<const boost::asio::ip::address> failed) {
  std::erase_if(all,
                [&](const auto& a) { return std::find(failed.begin(), failed.end(), a) != failed.end(); });
  if (failed.empty()) return all;
  std::vector<boost::asio::ip::address> ordered;
  for (const bool other : {true, false})
    for (const auto& a : all)
      if ((a.is_v6() != failed.front().is_v6()) == other) ordered.push_back(a);
  return ordered;
}

void EvasionMemory::worked(const std::string& network, const std::string& host, Way way) {
  if (networks_.size() > 100) networks_.clear();
  if (hosts_.size() > 1000) hosts_.clear();
  networks_[network] = hosts_[host] = way;
}

std::optional<Way> EvasionMemory::favourite(const std::string& network) const {
  const auto it = networks_.find(network);
  return it == networks_.end() ? std::nullopt : std::optional(it->second);
}

std::optional<Way> EvasionMemory::of(const std::string& host) const {
  const auto it = hosts_.find(host);
  return it == hosts_.end() ? std::nullopt : std::optional(it->second);
}

}  // namespace surang::client
