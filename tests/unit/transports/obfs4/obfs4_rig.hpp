// A bridge's obfs4 end and clients of it over memory, with times that a test can wait for.
#pragma once

#include "tests/support/run.hpp"
#include "tests/support/transport_ends.hpp"
#include "transports/core/task_group.hpp"
#include "transports/obfs4/obfs4_acceptor.hpp"
#include "transports/obfs4/obfs4_dialer.hpp"

namespace surang::obfs4::test_rig {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// Who is to get in has all the time that a slow machine takes.
inline constexpr Clock::duration kIntroduction = 200ms, kLongIntroduction = 30s, kSilence = 400ms;

inline ServerIdentity server_identity() {
  ServerIdentity server;
  server.node.node_id.fill(0x4e);
  const auto key = make_keypair();  // any X25519 pair will do
  server.private_key = key.secret;
  server.node.public_key = key.public_key;
  return server;
}

struct Bridge {
  explicit Bridge(asio::io_context& io, Clock::duration introduction = kIntroduction)
      : tasks(io.get_executor()) {
    options.identity = server_identity();
    options.introduction = introduction;
    options.silence.until_end = kSilence;
    acceptor = make_acceptor(options, users, replays, counters);
  }
  asio::awaitable<void> take(StreamPtr raw) {
    auto result = co_await acceptor->accept(std::move(raw), [this] { ++left_alone; });
    if (result.has_error())
      errors.push_back(result.error());
    else
      accepted.push_back(std::move(*result));
  }

  test::Users users;
  ReplayFilter replays;
  AcceptorCounters counters;
  ServerOptions options;
  std::unique_ptr<TransportAcceptor> acceptor;
  std::vector<Authenticated> accepted;
  std::vector<error_code> errors;
  int left_alone = 0;
  TaskGroup tasks;
};

inline TransportSpec spec_of(const Bridge& bridge) {
  TransportSpec spec;
  spec.name = "obfs4";
  spec.port = 9443;
  spec.params["cert"] = format_cert(bridge.options.identity.node);
  return spec;
}

inline std::unique_ptr<TransportDialer> make_client(const TransportSpec& spec, Dialer& wire,
                                                    std::uint8_t user = 1) {
  BridgeIdentity identity;
  identity.hosts.push_back("bridge.example");
  identity.user = test::user_number(user);
  std::string why;
  auto dialer = make_transport_dialer(spec, identity, wire, why);
  REQUIRE_MESSAGE(dialer.has_value(), why);
  return std::move(*dialer);
}

}  // namespace surang::obfs4::test_rig
