// What captured DNS asks of routing.
#include <algorithm>
#include <boost/asio/use_awaitable.hpp>

#include "client/detection/site_scope.hpp"
#include "client/routing/router_core.hpp"

namespace surang::client {

Outbound::Standing RouterCore::standing(const Endpoint& to, const std::string& site) {
  using config::RuleAction;
  follow_network();
  const auto f = facts(to, site, nullptr);
  if (f.rule == RuleAction::never) return Outbound::Standing::refused;
  if (f.rule == RuleAction::always_tunnel) return Outbound::Standing::tunnelled;
  if (f.rule == RuleAction::always_direct || f.local) return Outbound::Standing::own;
  if (f.has_tunnel && (f.verdict ? *f.verdict == Way::tunnel : f.leaning))
    return Outbound::Standing::tunnelled;
  if (f.verdict && *f.verdict != Way::direct) return Outbound::Standing::blocked;
  return f.captive ? Outbound::Standing::own : Outbound::Standing::open;
}

// A censor says that a name stands for nothing, or for an address of a private network, and so do honest
// servers: of names that there are none of, and of those that are known inside only. Encrypted DNS tells the
// one from the other.
asio::awaitable<Outbound::NameWord> RouterCore::look_up(std::string name) {
  const auto self = shared_from_this();
  auto& names = *parts.names;
  const auto answer = co_await names.system(name);
  const bool nothing = answer.addresses.empty() && answer.doubt == Signal::dns_nxdomain;
  const bool inside = !answer.addresses.empty() && std::ranges::all_of(answer.addresses, is_private_address);
  Outbound::NameWord word;
  if (!nothing && !inside) co_return word;
  if (!names.has_encrypted()) {
    word.exists = inside || tunnel != nullptr;
  } else {
    const auto other = co_await names.encrypted(std::move(name));
    const bool nobody_else = !other && other.error() == Errc::name_not_found;
    word.exists = inside || !nobody_else;
    if (inside && nobody_else) word.own = answer.addresses;
  }
  co_return word;
}

asio::awaitable<Result<std::vector<std::uint8_t>>> RouterCore::ask_encrypted(
    std::vector<std::uint8_t> query) {
  const auto self = shared_from_this();
  co_return co_await parts.names->exchange(std::move(query));
}

Outbound::Standing Router::standing(const Endpoint& to, const std::string& site) {
  return core_->standing(to, site);
}

asio::awaitable<Outbound::NameWord> Router::look_up(std::string name) {
  return core_->look_up(std::move(name));
}

asio::awaitable<Result<std::vector<std::uint8_t>>> Router::ask_encrypted(std::vector<std::uint8_t> query) {
  return core_->ask_encrypted(std::move(query));
}

void Router::ask_name_servers_of(NameServers servers) {
  core_->parts.names->ask_servers_of(std::move(servers));
}

}  // namespace surang::client
