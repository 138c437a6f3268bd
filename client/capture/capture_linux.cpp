#include <openssl/rand.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "client/bridges/way_out.hpp"
#include "client/capture/capture.hpp"
#include "client/capture/capture_rules.hpp"
#include "client/capture/captured_datagrams.hpp"
#include "client/capture/dns_desk.hpp"
#include "client/capture/fake_addresses.hpp"
#include "client/capture/marks.hpp"
#include "client/capture/nft_table.hpp"
#include "client/capture/own_addresses.hpp"
#include "client/capture/policy_routes.hpp"
#include "client/capture/transparent.hpp"
#include "client/dns/name_servers.hpp"
#include "client/inbound/local_listener.hpp"
#include "transports/core/own_mark.hpp"
#include "transports/tcp/tcp_stream.hpp"

namespace surang::client {

using asio::ip::tcp;
using asio::ip::udp;

namespace {

// Datagrams that flow when the rules come, of calls and games, are known to the kernel once they have gone
// both ways.
constexpr std::chrono::milliseconds kGetsToKnow{500};
constexpr auto kSaysItLives = capture::kAliveFor / 3;
constexpr unsigned kMostFailures = 3;
constexpr std::chrono::seconds kReadAgain{1};
constexpr std::uint16_t kDnsPort = 53;

// The routes are that process's as well.
bool captured_by_another() {
  capture::NftTable table;
  std::string ignored;
  return table.run(capture::is_alive(), ignored).has_value();
}

Result<void> not_permitted(std::string& why) {
  why = "capturing needs root, or the capability CAP_NET_ADMIN for the running Surang";
  return make_error_code(boost::system::errc::operation_not_permitted);
}

}  // namespace

struct Capture::Impl : std::enable_shared_from_this<Capture::Impl> {
  Impl(asio::any_io_executor e, SessionContext& s, SelfGuard& g, const OwnNames& own)
      : executor(std::move(e)),
        sessions(s),
        guard(g),
        may_capture(set_own_mark(capture::kOwnMark)),
        names(drawn()),
        dns(executor, s.outbound, names, dns_options(own)),
        tasks(executor),
        programs(executor),
        datagrams(executor, s.outbound, names, dns, programs) {}

  static std::uint32_t drawn() {
    std::uint32_t number = 0;
    RAND_bytes(reinterpret_cast<unsigned char*>(&number), sizeof number);
    return number;
  }

  capture::DnsDeskOptions dns_options(const OwnNames& own) {
    capture::DnsDeskOptions desk;
    desk.ours = [&own](const std::string& name) { return own.has(name); };
    desk.as_they_come = [this](const std::string& name) {
      return capture::tries_network(name) || of_this_network(name);
    };
    desk.name_servers = system_name_servers;
    desk.families = [this] {
      const auto way = way_out(executor);
      return std::pair(way.v4.has_value(), way.v6.has_value() && has_v6);
    };
    return desk;
  }

  // The domains that short names are tried in are mostly those of the network itself.
  bool of_this_network(const std::string& name) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= read_again) {
      search_domains = system_search_domains();
      read_again = now + kReadAgain;
    }
    return std::ranges::any_of(search_domains, [&](const std::string& domain) {
      return name == domain || name.ends_with('.' + domain);
    });
  }

  // The port that it has got; 0: this machine has no such family, or `failed` says why not.
  std::uint16_t listen(bool v6, std::string& failed) {
    auto listener = std::make_unique<LocalListener>(executor);
    const auto loopback =
        v6 ? asio::ip::address(asio::ip::address_v6::loopback()) : asio::ip::address_v4::loopback();
    std::string why;
    if (!listener->open({loopback, 0}, why)) {
      if (!v6) failed = why;
      return 0;
    }
    if (const auto ec = capture::set_transparent(listener->socket().native_handle(), v6)) {
      failed = ec.message();
      return 0;
    }
    ports.push_back(listener->local().port());
    guard.own(ports.back());
    listeners.push_back(std::move(listener));
    return ports.back();
  }

  std::uint16_t open_datagrams(bool v6, std::string& failed) {
    auto socket = std::make_shared<udp::socket>(executor);
    if (const auto ec = capture::open_for_captured(*socket, v6)) {
      failed = ec.message();
      return 0;
    }
    error_code ignored;
    sockets.push_back(socket);
    return socket->local_endpoint(ignored).port();
  }

  Result<void> start(const config::CaptureOptions& wanted, std::string& why) {
    capture::RuleFacts facts;
    facts.options = wanted;
    facts.tcp4 = listen(false, why);
    if (why.empty()) facts.tcp6 = listen(true, why);
    if (why.empty()) facts.udp4 = open_datagrams(false, why);
    if (why.empty() && facts.tcp6 != 0) facts.udp6 = open_datagrams(true, why);
    if (!why.empty()) return make_error_code(Errc::no_route);
    has_v6 = facts.udp6 != 0;
    if (captured_by_another()) {
      why = "another Surang captures already";
      return make_error_code(boost::system::errc::device_or_resource_busy);
    }
    made_routes = true;
    if (const auto routed = capture::add_policy_routes(); !routed) {
      why = "the routes for captured traffic cannot be made: " + routed.error().message();
      return routed;
    }
    const auto loaded = table.run(capture::make_rules(facts), why);
    if (!loaded)
      why = "the kernel does not take the rules (it must be Linux 5.12 or later, and capture once): " + why;
    return loaded;
  }

  static asio::awaitable<Result<void>> on(std::shared_ptr<Impl> self, config::CaptureOptions wanted,
                                          std::string& why) {
    co_await off(self);
    auto started = self->may_capture ? self->start(wanted, why) : not_permitted(why);
    if (started) {
      asio::steady_timer timer(self->executor, kGetsToKnow);
      co_await timer.async_wait(asio::use_awaitable);
      started = self->table.run(capture::keep_alive(), why);
    }
    if (!started) {
      self->clear();
      if (started.error() == boost::system::errc::operation_not_permitted) started = not_permitted(why);
      self->trouble = why;
      co_return started;
    }
    self->options = std::move(wanted);
    self->programs.kept_by(self);
    self->running = true;
    self->trouble.clear();
    for (auto& listener : std::exchange(self->listeners, {}))
      self->tasks.spawn(accept(self, std::move(listener)));
    for (auto& socket : std::exchange(self->sockets, {}))
      self->programs.spawn(receive(self, std::move(socket)));
    self->tasks.spawn(live(self));
    spdlog::info("this machine's traffic is captured");
    co_return Result<void>{};
  }

  static asio::awaitable<void> accept(std::shared_ptr<Impl> self, std::unique_ptr<LocalListener> listener) {
    const LocalListener::Serve serve = [self](tcp::socket socket, TaskGroup::Task task) {
      error_code ignored;
      const auto to = socket.local_endpoint(ignored);
      const auto from = socket.remote_endpoint(ignored).address();
      const bool guest = !capture::is_own_address(from).value_or(false);
      if (to.port() != kDnsPort)
        return serve_captured(std::move(socket), self->sessions, self->names, guest, task);
      const udp::endpoint server(unmapped(to.address()), to.port());
      return self->dns.serve(make_tcp_stream(std::move(socket)), {server, capture::DnsDesk::By::tcp, guest});
    };
    co_await listener->run(self->programs, serve);
  }

  static asio::awaitable<void> receive(std::shared_ptr<Impl> self, std::shared_ptr<udp::socket> socket) {
    co_await self->datagrams.run(std::move(socket));
  }

  // A process that stands still must not hold the machine's network up: the rules forget it.
  static asio::awaitable<void> live(std::shared_ptr<Impl> self) {
    asio::steady_timer timer(self->executor);
    for (unsigned failures = 0; failures < kMostFailures;) {
      timer.expires_after(kSaysItLives);
      co_await timer.async_wait(asio::use_awaitable);
      // What manages the network may remove routes that are not its own; then the mark leads nowhere.
      const auto routed = capture::add_policy_routes();
      const bool said = self->table.run(capture::keep_alive(), self->trouble).has_value() && routed;
      if (!routed) self->trouble = "the routes for captured traffic are lost: " + routed.error().message();
      failures = said ? 0 : failures + 1;
      if (!said) spdlog::warn("the rules of the capture cannot be kept: {}", self->trouble);
    }
    const auto why = self->trouble;
    self->clear();
    self->trouble = why;
  }

  // What was taken hears its end while the rules still stand: its last packets are not for the line.
  static asio::awaitable<void> off(std::shared_ptr<Impl> self) {
    std::string ignored;
    if (self->running) {
      (void)self->table.run(capture::take_no_more(), ignored);
      self->programs.cancel();
      co_await self->programs.join();
    }
    self->clear();
    co_await self->tasks.join();
    co_await self->programs.join();
  }

  void clear() {
    std::string ignored;
    trouble.clear();
    if (std::exchange(running, false)) {
      (void)table.run(capture::remove_rules(), ignored);
      spdlog::info("this machine's traffic is not captured any more");
    }
    table.close();
    tasks.cancel();
    programs.cancel();
    listeners.clear();
    sockets.clear();
    for (const auto port : std::exchange(ports, {})) guard.disown(port);
    if (std::exchange(made_routes, false) && !captured_by_another()) (void)capture::remove_policy_routes();
  }

  const asio::any_io_executor executor;
  SessionContext& sessions;
  SelfGuard& guard;
  const bool may_capture;
  capture::NftTable table;
  std::vector<std::unique_ptr<LocalListener>> listeners;  // until they are served
  std::vector<std::shared_ptr<udp::socket>> sockets;
  config::CaptureOptions options;
  std::vector<std::uint16_t> ports;
  bool running = false, has_v6 = false, made_routes = false;
  std::string trouble;
  std::vector<std::string> search_domains;
  std::chrono::steady_clock::time_point read_again{};
  capture::FakeAddresses names;
  capture::DnsDesk dns;
  TaskGroup tasks, programs;  // the second: what is done for programs
  capture::CapturedDatagrams datagrams;
};

Capture::Capture(asio::any_io_executor executor, SessionContext& sessions, SelfGuard& guard,
                 const OwnNames& own_names)
    : impl_(std::make_shared<Impl>(std::move(executor), sessions, guard, own_names)) {}

Capture::~Capture() {
  impl_->clear();
}

asio::awaitable<Result<void>> Capture::on(config::CaptureOptions options, std::string& why) {
  return Impl::on(impl_, std::move(options), why);
}

bool Capture::is_on() const {
  return impl_->running;
}

const config::CaptureOptions& Capture::options() const {
  return impl_->options;
}

const std::string& Capture::trouble() const {
  return impl_->trouble;
}

std::vector<udp::endpoint> Capture::name_servers() const {
  auto servers = system_name_servers();
  if (!impl_->running) return servers;
  const auto here = [](const udp::endpoint& server) { return server.address().is_loopback(); };
  if (std::ranges::none_of(servers, here)) return servers;
  std::erase_if(servers, here);
  for (auto& server : name_servers_behind_stub())
    if (!here(server)) servers.push_back(std::move(server));
  if (servers.empty()) servers = impl_->dns.servers();
  return servers;
}

asio::awaitable<void> Capture::off() {
  return Impl::off(impl_);
}

Result<void> clean_up_capture(bool stands_still, std::string& why) {
  if (!stands_still && captured_by_another()) {
    why = "another Surang captures: ask that one, by its --config";
    return make_error_code(boost::system::errc::device_or_resource_busy);
  }
  const auto removed = capture::remove_policy_routes();
  if (!removed)
    why = removed.error() == boost::system::errc::operation_not_permitted
              ? "taking the rest of a capture away needs root"
              : "the routes for captured traffic cannot be removed: " + removed.error().message();
  return removed;
}

}  // namespace surang::client
