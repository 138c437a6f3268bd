// One browser connection, as one linear coroutine: find out what it speaks, answer it, open the way, carry
// the bytes. session.cpp begins, session_tunnel.cpp carries SOCKS and CONNECT, session_datagrams.cpp UDP,
// session_http.cpp plain HTTP, session_captured.cpp what was captured.
#pragma once

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <memory>

#include "client/browser.hpp"
#include "client/inbound/self_guard.hpp"
#include "client/inbound/socks_codec.hpp"
#include "client/routing/outbound.hpp"
#include "transports/core/task_group.hpp"

namespace surang::client {

namespace capture {
class FakeAddresses;
}

struct SessionCounters {
  std::uint64_t opened = 0, open = 0, refused = 0, failed = 0;
};

struct SessionOptions {
  Credentials credentials;
  std::chrono::milliseconds negotiation_limit{60'000};  ///< for the proxy request to be said
  std::chrono::milliseconds server_first_wait{200};  ///< for a first byte, where the server may speak first
  std::chrono::milliseconds client_first_wait{10'000};  ///< the same on the web's ports, where it does not
  std::chrono::seconds idle_request_wait{600};          ///< between two HTTP requests
  std::chrono::seconds idle_site_hold{30};              ///< for the site's connection meanwhile
  // One HTTP request and its answer, with no byte moving either way; raw bytes have the relay's limits.
  std::chrono::milliseconds exchange_idle{3'600'000};
  std::chrono::milliseconds exchange_half_closed{300'000};  ///< once the browser has ended its direction
  std::chrono::milliseconds answer_half_closed{60'000};     ///< the same before the answer has begun
};

/// What the sessions of one worker share; outlives them.
struct SessionContext {
  Outbound& outbound;
  const SelfGuard& guard;
  std::shared_ptr<const SessionOptions> options;  ///< swapped whole on reload
  SessionCounters counters;
};

/// Serves one connection to its end, as `task`, which it ends itself when the browser leaves early.
asio::awaitable<void> serve_browser(asio::ip::tcp::socket socket, SessionContext& context,
                                    TaskGroup::Task task);

/// Serves a connection that the kernel has brought here instead of to its destination, which is what its
/// local address says (client/capture). `names` knows what fakes stand for, and outlives it. `guest`: it is
/// not from this machine.
asio::awaitable<void> serve_captured(asio::ip::tcp::socket socket, SessionContext& context,
                                     capture::FakeAddresses& names, bool guest, TaskGroup::Task task);

// What the parts of a session share.
namespace session {

struct Session {
  Browser browser;
  SessionContext& context;
  std::shared_ptr<const SessionOptions> options;
  std::uint64_t id;
  TaskGroup::Task task;
  asio::ip::address local, remote;  ///< ours, to which the browser has connected, and its own
  bool guest = false;               ///< whose connections are for public addresses alone
};

struct CountOpen {
  SessionCounters& counters;
  explicit CountOpen(SessionCounters& c) : counters(c) { ++counters.open; }
  ~CountOpen() { --counters.open; }
};

enum class Refusal { none, self, rule };
/// What is known to be refused before anything is dialled.
Refusal refusal(const Session& session, const Endpoint& to);

/// Outbound::open while watching the browser: ends the whole session when that goes away.
asio::awaitable<Result<OpenedConnection>> open(Session& session, Endpoint to, FirstFlight flight,
                                               std::shared_ptr<HeadStart> begun);

/// Outbound::begin where the browser has not sent its first flight yet. To be called before it is answered:
/// the answer wakes the browser, which may then run before us.
std::shared_ptr<HeadStart> begin(Session& session, const Endpoint& to);
/// From the browser's first byte meant for `to`, after it has been answered.
asio::awaitable<void> serve_tunnel(Session& session, Endpoint to, std::shared_ptr<HeadStart> begun);
/// The browser's first flight, taken out of its input; kind none when the server has to speak first. An
/// error: it is gone.
asio::awaitable<Result<FirstFlight>> read_first_flight(Session& session, std::uint16_t port);
/// The rest of serve_tunnel.
asio::awaitable<void> open_and_carry(Session& session, Endpoint to, FirstFlight flight,
                                     std::shared_ptr<HeadStart> begun);
/// Carries raw bytes between the browser and `site` to the end, what was read ahead of both first.
asio::awaitable<void> carry(Session& session, OpenedConnection site);
asio::awaitable<void> serve_http(Session& session);
/// Carries the browser's datagrams for as long as its connection lasts (RFC 1928 6, 7), from the address that
/// the connection is from, as the request that `codec` holds asks for it.
asio::awaitable<void> serve_datagrams(Session& session, const SocksCodec& codec);

}  // namespace session
}  // namespace surang::client
