#include "client/bridges/usable.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>

#include "transports/tcp/system_resolver.hpp"
#include "transports/tcp/tcp_dialer.hpp"

namespace surang::client {

bool usable(const config::ShareLink& link, const TransportSpec& spec, std::string& why) {
  SystemResolver resolver;
  TcpDialer tcp(resolver, {});
  if (link.foreign) return make_raw_dialer(spec, link.bridge, tcp, why).has_value();
  asio::io_context io(1);
  return make_session_dialer(spec, link.bridge, io.get_executor(), tcp, why).has_value();
}

bool any_usable(const std::vector<config::ShareLink>& links) {
  std::string ignored;
  return std::ranges::any_of(links, [&](const auto& link) {
    return std::ranges::any_of(link.transports,
                               [&](const auto& spec) { return usable(link, spec, ignored); });
  });
}

}  // namespace surang::client
