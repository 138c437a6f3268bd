#include <boost/asio/use_awaitable.hpp>

#include "client/capture/fake_addresses.hpp"
#include "client/detection/site_scope.hpp"
#include "client/session.hpp"
#include "transports/tcp/tcp_stream.hpp"

namespace surang::client {
namespace session {
namespace {

// A name that the flight shows may be a lie, or another than who leads the program there meant (a hosts file,
// a test): a direct connection goes to the address. What goes by a bridge anyway, or to an address that
// stands for nothing any more, has nothing but the name; which is never this network's own, since no fake was
// given for one.
Endpoint by_flight(Session& session, Endpoint to, const FirstFlight& flight, bool lost) {
  if (flight.host.empty()) return to;
  const auto named = Endpoint::make(flight.host, to.port());
  if (!named || named->address() || is_local_name(named->host())) return to;
  const bool by_name =
      lost || session.context.outbound.standing(to, named->host()) == Outbound::Standing::tunnelled;
  return by_name ? *named : to;
}

asio::awaitable<void> serve_address(Session& session, Endpoint at, bool lost) {
  auto flight = co_await read_first_flight(session, at.port());
  if (!flight) co_return;
  const auto to = by_flight(session, at, *flight, lost);
  const bool nowhere = lost && to == at;
  if (nowhere || refusal(session, to) != Refusal::none) {
    session.browser.stream->close(true);
    co_return;
  }
  co_await open_and_carry(session, to, std::move(*flight), nullptr);
}

}  // namespace
}  // namespace session

// The program is connected already, whatever becomes of it; a refusal is a reset.
asio::awaitable<void> serve_captured(asio::ip::tcp::socket socket, SessionContext& context,
                                     capture::FakeAddresses& names, bool guest, TaskGroup::Task task) {
  const session::CountOpen open(context.counters);
  error_code ignored;
  const auto local = socket.local_endpoint(ignored);
  const auto remote = socket.remote_endpoint(ignored).address();
  const auto address = unmapped(local.address());
  session::Session s{Browser(make_tcp_stream(std::move(socket))),
                     context,
                     context.options,
                     ++context.counters.opened,
                     task,
                     local.address(),
                     remote,
                     guest};
  const auto name = names.name_at(address);
  if (!name) {
    const Endpoint at(address, local.port());
    const bool lost = capture::FakeAddresses::in_range(address);
    co_return co_await session::serve_address(s, at, lost);
  }
  const Endpoint to(*name, local.port());
  if (session::refusal(s, to) != session::Refusal::none) {
    s.browser.stream->close(true);
    co_return;
  }
  auto begun = session::begin(s, to);
  co_await session::serve_tunnel(s, to, std::move(begun));
}

}  // namespace surang::client
