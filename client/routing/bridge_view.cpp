// What the bridge sees of a site, where that spares probes or tells more than they do (PROTOCOL.md, control).
#include <algorithm>

#include "client/detection/control_word.hpp"
#include "client/routing/router_core.hpp"

namespace surang::client {

asio::awaitable<Result<tunnel::ReachAnswer>> RouterCore::ask_bridge(Endpoint to, std::string host) {
  const auto self = shared_from_this();
  // A name leads to its certificate; an address alone to whatever stands there.
  const auto named = to.address() ? Endpoint::make(host, to.port()) : Result<Endpoint>(to);
  if (!named || !tunnel || !parts.control) co_return make_error_code(Errc::no_route);
  if (parts.is_local(to) || (!named->address() && parts.names->pinned(named->host())))
    co_return make_error_code(Errc::no_route);
  co_return co_await parts.control->reach(*named);
}

asio::awaitable<bool> RouterCore::down_elsewhere(Endpoint to, std::string host) {
  const auto answer = co_await ask_bridge(std::move(to), std::move(host));
  co_return answer&& down_there(*answer);
}

asio::awaitable<bool> RouterCore::failed_elsewhere(std::shared_ptr<Race> race, std::string host) {
  const auto carried = race->by(Way::tunnel);
  // CONNECT has told it already; and a tunnel that is silent or broken has no answer to give.
  if (carried && carried->view.signal == Signal::site_down) co_return true;
  if (carried && (!carried->failed() || carried->view.signal == Signal::tunnel_failed)) co_return false;
  co_return co_await down_elsewhere(race->to(), std::move(host));
}

asio::awaitable<bool> RouterCore::names_lie(Endpoint to, std::string host,
                                            std::vector<asio::ip::address> addresses) {
  if (to.address()) co_return false;
  const auto answer = co_await ask_bridge(std::move(to), std::move(host));
  co_return answer&& names_differ(addresses, *answer);
}

}  // namespace surang::client
