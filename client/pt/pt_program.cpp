#include "client/pt/pt_program.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "client/app.hpp"
#include "client/inbound/local_listener.hpp"
#include "client/pt/client_end.hpp"
#include "client/pt/parent_watch.hpp"
#include "client/pt/server_end.hpp"
#include "transports/core/process.hpp"

namespace surang::client::pt {
namespace {

using asio::ip::tcp;

constexpr std::chrono::milliseconds kBetweenLooks{100};

void say(const std::string& line) {
  std::fputs((line + '\n').c_str(), stdout);
  std::fflush(stdout);
}

std::string text(const tcp::endpoint& at) {
  return Endpoint(at.address(), at.port()).to_string();
}

int status_of(const error_code& e) {
  if (e == Errc::bad_input) return kConfig;
  return e == std::errc::permission_denied ? kPermission : kUnavailable;
}

class Program {
 public:
  explicit Program(Setup setup) : setup_(std::move(setup)) {}

  int run();

 private:
  int begin_client(const ClientSetup& setup);
  int begin_server(const ServerSetup& setup);
  Result<void> listen(const tcp::endpoint& at);
  asio::awaitable<void> live();
  asio::awaitable<int> next_word();
  asio::awaitable<void> until_idle();

  const Setup setup_;
  asio::io_context io_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO};  // its sockets are used by one thread
  asio::signal_set signals_{io_, SIGINT, SIGTERM};
  std::optional<ClientEnd> client_;
  std::optional<ServerEnd> server_;
  LocalListener listener_{io_.get_executor()};
  TaskGroup tasks_{io_.get_executor()}, connections_{io_.get_executor()};
};

// Any address of the one family stands for both, as where obfs4proxy listens.
Result<void> Program::listen(const tcp::endpoint& at) {
  std::string ignored;
  if (at.address().is_unspecified()) {
    const auto both = listener_.open(tcp::endpoint(asio::ip::address_v6::any(), at.port()), ignored, true);
    const bool no_ipv6 = !both && (both.error() == std::errc::address_family_not_supported ||
                                   both.error() == std::errc::address_not_available);
    if (!no_ipv6) return both;
  }
  return listener_.open(at, ignored);
}

int Program::begin_client(const ClientSetup& setup) {
  if (!setup.wanted) {
    say("CMETHODS DONE");
    spdlog::critical("TOR_PT_CLIENT_TRANSPORTS asks for nothing that Surang has: it has obfs4");
    return kConfig;
  }
  const auto open = listen(tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  const std::string name(kTransport);
  if (open)
    say("CMETHOD " + name + " socks5 " + text(listener_.local()));
  else
    say(protocol_line("CMETHOD-ERROR", name + " cannot listen: " + open.error().message()));
  say("CMETHODS DONE");
  if (!open) return status_of(open.error());
  client_.emplace(setup);
  return kOk;
}

int Program::begin_server(const ServerSetup& setup) {
  const std::string name(kTransport);
  const auto failed = [&name](const std::string& why, const error_code& e) {
    say(protocol_line("SMETHOD-ERROR", name + ' ' + why));
    say("SMETHODS DONE");
    return status_of(e);
  };
  if (!setup.wanted) {
    say("SMETHODS DONE");
    spdlog::critical("TOR_PT_SERVER_TRANSPORTS asks for nothing that Surang has: it has obfs4");
    return kConfig;
  }
  std::string why;
  const auto state = load_state(setup_.state_dir, setup.options, why);
  if (!state) return failed(why, state.error());
  const auto open = listen(setup.listen);
  if (!open)
    return failed("cannot listen on " + text(setup.listen) + ": " + open.error().message(), open.error());
  const Arguments told{{"cert", obfs4::format_cert(state->identity.node)},
                       {"iat-mode", std::to_string(static_cast<int>(state->iat))}};
  say("SMETHOD " + name + ' ' + text(listener_.local()) + " ARGS:" + format_smethod_arguments(told));
  say("SMETHODS DONE");
  server_.emplace(setup, *state);
  if (setup.extended_port && !setup.extended_port->address().is_loopback())
    spdlog::warn("the Extended ORPort is on another machine: nothing protects the way there");
  return kOk;
}

// The next signal's number; SIGTERM for a parent that leaves.
asio::awaitable<int> Program::next_word() {
  const auto by_stdin = setup_.exit_on_stdin_close;
  const auto [order, failed, signal, number] =
      co_await asio::experimental::make_parallel_group(
          asio::co_spawn(io_, until_parent_leaves(by_stdin), asio::deferred),
          signals_.async_wait(asio::deferred))
          .async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  if (order[0] == 0 && failed) std::rethrow_exception(failed);
  co_return order[0] == 0 || signal ? SIGTERM : number;
}

asio::awaitable<void> Program::until_idle() {
  asio::steady_timer pause(io_);
  while (connections_.size() > 0) {
    pause.expires_after(kBetweenLooks);
    co_await pause.async_wait(asio::use_awaitable);
  }
}

// INT lets connections end, for as long as it takes; whatever comes next, or TERM, does not.
asio::awaitable<void> Program::live() {
  const int word = co_await next_word();
  listener_.close();
  if (word == SIGINT)
    (void)co_await asio::experimental::make_parallel_group(asio::co_spawn(io_, until_idle(), asio::deferred),
                                                           asio::co_spawn(io_, next_word(), asio::deferred))
        .async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  connections_.cancel();
  co_await connections_.join();
  tasks_.cancel();
  co_await tasks_.join();
}

int Program::run() {
  const auto* client = std::get_if<ClientSetup>(&setup_.role);
  const int status = client ? begin_client(*client) : begin_server(std::get<ServerSetup>(setup_.role));
  if (status != kOk) return status;
  spdlog::info("listening on {}", text(listener_.local()));
  tasks_.spawn(listener_.run(connections_, [this](tcp::socket socket, TaskGroup::Task) {
    return client_ ? client_->serve(std::move(socket)) : server_->serve(std::move(socket));
  }));
  std::exception_ptr failure;
  asio::co_spawn(io_, live(), [&](std::exception_ptr e) {
    failure = e;
    io_.stop();
  });
  io_.run();
  if (failure) std::rethrow_exception(failure);
  spdlog::info("ended");
  return kOk;
}

}  // namespace

const std::string_view kTorrcHelp =
    "Tor starts this itself, as its client's or its bridge's obfs4 in place of obfs4proxy or lyrebird. In "
    "the\n"
    "torrc of a client:\n"
    "  UseBridges 1\n"
    "  ClientTransportPlugin obfs4 exec /usr/bin/surang pt\n"
    "  Bridge obfs4 ADDRESS:PORT FINGERPRINT cert=... iat-mode=0\n"
    "and of a bridge, whose line for clients is in pt_state/obfs4_bridgeline.txt of its DataDirectory:\n"
    "  BridgeRelay 1\n"
    "  ORPort 127.0.0.1:auto\n"
    "  ExtORPort auto\n"
    "  ServerTransportPlugin obfs4 exec /usr/bin/surang pt\n"
    "  ServerTransportListenAddr obfs4 0.0.0.0:443";

int run_pt(const std::string& log_level) {
  spdlog::set_level(log_level.empty() ? spdlog::level::critical
                                      : spdlog::level::from_str(log_level == "warn" ? "warning" : log_level));
  auto setup = read_environment([](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);
    if (!value) return std::nullopt;
    return value;
  });
  for (const auto& line : setup.lines) say(line);
  if (setup.status == kUsage)
    std::fputs("surang: this is for Tor to start: surang pt --help says how\n", stderr);
  if (setup.status != kOk) return setup.status;
  prepare_process();
  try {
    Program program(std::move(setup));
    return program.run();
  } catch (const std::exception& e) {
    spdlog::critical("{}", e.what());
    return kUnavailable;
  }
}

}  // namespace surang::client::pt
