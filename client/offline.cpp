#include "client/offline.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "client/bridges/bridge_pool.hpp"
#include "transports/tcp/system_resolver.hpp"
#include "transports/tcp/tcp_dialer.hpp"

namespace surang::client {

boost::json::object why_of(Router& router, const std::string& host) {
  const auto to = Endpoint::parse(host, 443);
  if (to) return router.why(to->host());
  return {{"host", host}, {"error", "no host name"}, {"text", host + " is not a host name or address."}};
}

boost::json::object ask_offline(const config::ClientOptions& given, const std::string& what,
                                const std::string& host) {
  auto options = given;
  options.captive_probe.reset();  // nobody stays to hear of it
  asio::io_context io(1);
  SystemResolver resolver;
  TcpDialer tcp(resolver, {});
  std::error_code ignored;
  const auto file = options.state_dir / "verdicts.sqlite";
  VerdictStore store(std::filesystem::exists(file, ignored) ? file : std::filesystem::path());
  BridgePoolOptions pool_options;
  pool_options.make_raw = [&tcp](const auto& spec, const auto& bridge, std::string& why) {
    return make_raw_dialer(spec, bridge, tcp, why);
  };
  const auto make = [&io, &tcp](const auto& spec, const auto& bridge, std::string& why) {
    return make_session_dialer(spec, bridge, io.get_executor(), tcp, why);
  };
  BridgePool pool(io.get_executor(), make, pool_options);
  pool.set_bridges(options.bridges);
  Router router(io.get_executor(), options, pool.empty() ? nullptr : &pool, store, Router::OwnPort(),
                pool.empty() ? nullptr : &pool);
  boost::json::object out;
  const auto ask = [](Router& r, BridgePool& p, bool check, std::string h,
                      boost::json::object& into) -> asio::awaitable<void> {
    if (check) {
      auto result = co_await r.check(h);
      into = std::move(result);
    } else {
      into = why_of(r, h);
    }
    co_await r.stop();
    co_await p.stop();
  };
  asio::co_spawn(io, ask(router, pool, what == "check", host, out), [&](std::exception_ptr e) {
    io.stop();
    if (e) std::rethrow_exception(e);
  });
  io.run();
  return out;
}

}  // namespace surang::client
