#include "client/dns/system_dns.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "client/detection/site_scope.hpp"
#include "client/dns/answer_check.hpp"
#include "client/dns/dns_message.hpp"
#include "client/dns/dns_over_tcp.hpp"
#include "transports/core/own_mark.hpp"
#include "transports/core/task_group.hpp"
#include "transports/core/timeout.hpp"
#include "transports/tcp/system_resolver.hpp"

namespace surang::client {
namespace {

namespace asio = boost::asio;
using asio::ip::address;
using asio::ip::udp;
using namespace std::chrono_literals;

using Addresses = std::vector<address>;

// The answer of one type is waited for so long after the other's (RFC 8305 3).
constexpr auto kResolutionDelay = 50ms;

// A failure of this computer's own, not the name server's: out of descriptors, buffers or memory.
bool out_of_means(const error_code& e) {
  namespace errc = boost::system::errc;
  return e == errc::too_many_files_open || e == errc::too_many_files_open_in_system ||
         e == errc::no_buffer_space || e == errc::not_enough_memory;
}

// Why no question left this computer; none when it did.
Signal kept_from_asking(const error_code& e) {
  namespace errc = boost::system::errc;
  if (out_of_means(e)) return Signal::other;
  const bool no_route =
      e == errc::network_unreachable || e == errc::network_down || e == errc::address_not_available;
  return no_route ? Signal::no_network : Signal::none;
}

struct Question {
  std::vector<std::uint8_t> query;
  DnsReply reply;
  bool answered = false;
};

// Whether this computer has a route to the world over IPv6: connecting a datagram socket sends nothing.
bool routes_ipv6(asio::any_io_executor executor) {
  udp::socket socket(executor);
  error_code ec;
  socket.open(udp::v6(), ec);
  if (ec) return false;
  socket.connect(udp::endpoint(asio::ip::make_address("2001:4860:4860::8888"), 53), ec);
  return !ec;
}

asio::awaitable<Result<std::size_t>> receive(std::shared_ptr<udp::socket> socket, asio::mutable_buffer into) {
  error_code ec;
  const auto n = co_await socket->async_receive(into, asio::redirect_error(asio::use_awaitable, ec));
  if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none)
    throw boost::system::system_error(asio::error::operation_aborted);
  if (ec) co_return ec;
  co_return n;
}

}  // namespace

struct SystemDns::Impl : std::enable_shared_from_this<SystemDns::Impl> {
  Impl(asio::any_io_executor e, SystemDnsOptions o, std::function<void(const std::string&)> l)
      : executor(e), options(std::move(o)), late(std::move(l)), background(e) {}

  // The system's settings are read again at most once a second.
  void refresh() {
    const auto now = Clock::now();
    if (now < refresh_at) return;
    refresh_at = now + 1s;
    servers = options.servers();
    hosts = options.hosts();
    hosts_order = options.hosts_order();
    ipv6 = options.ipv6 && routes_ipv6(executor);
  }

  bool pinned(const std::string& host) {
    refresh();
    return hosts_order == HostsOrder::before_dns && hosts.contains(host);
  }

  void forget() {
    ++network;
    refresh_at = {};
  }

  asio::awaitable<SystemReply> ask(std::string host) {
    SystemReply reply;
    if (pinned(host)) {
      reply.answer.addresses = hosts.find(host)->second;  // the person's own word: never in doubt
      co_return reply;
    }
    if (servers.empty() || is_local_name(host)) co_return co_await ask_system(host);
    reply = co_await ask_servers(host);
    if (!reply.answer.addresses.empty() || hosts_order != HostsOrder::after_dns) co_return reply;
    if (const auto it = hosts.find(host); it != hosts.end()) {
      reply = {};
      reply.answer.addresses = it->second;
    }
    co_return reply;
  }

  asio::awaitable<SystemReply> ask_servers(std::string host) {
    SystemReply reply;
    bool asked = false;
    // What was begun on one network goes on with the next one's servers.
    for (auto begun = network - 1; begun != network;) {
      begun = network;
      refresh();
      if (servers.empty()) co_return co_await ask_system(host);
      const auto ask_whom = servers;
      for (unsigned round = 0; round < options.rounds; ++round)
        for (const auto& server : ask_whom) {
          if (begun != network) break;
          auto tried = co_await ask_server(server, host);
          if (tried) co_return std::move(*tried);
          const auto kept = kept_from_asking(tried.error());
          asked |= kept == Signal::none;
          if (asked) continue;
          reply.answer.error = tried.error();
          reply.answer.doubt = kept;
        }
    }
    if (!asked && reply.answer.error) co_return reply;
    reply.answer.error = make_error_code(Errc::timed_out);
    reply.answer.doubt = Signal::dns_silence;
    co_return reply;
  }

  // An error: this server said nothing useful, try another.
  asio::awaitable<Result<SystemReply>> ask_server(udp::endpoint server, std::string host) {
    std::vector<Question> questions;
    for (const auto type : {RecordType::a, RecordType::aaaa}) {
      if (type == RecordType::aaaa && !ipv6) continue;
      std::uint16_t id = 0;
      RAND_bytes(reinterpret_cast<unsigned char*>(&id), sizeof id);
      Question q;
      q.query = make_dns_query(host, type, id);
      if (q.query.empty()) {
        SystemReply nothing;
        nothing.answer.error = make_error_code(Errc::name_not_found);
        co_return nothing;
      }
      questions.push_back(std::move(q));
    }
    auto socket = std::make_shared<udp::socket>(executor);
    error_code ec;
    socket->open(server.protocol(), ec);
    if (!ec) mark_own(*socket);
    if (!ec) socket->connect(server, ec);
    for (const auto& q : questions)
      if (!ec) socket->send(asio::buffer(q.query), 0, ec);
    if (ec) co_return ec;

    std::vector<std::uint8_t> block(4096);
    auto deadline = Clock::now() + options.try_limit;
    while (std::any_of(questions.begin(), questions.end(), [](const auto& q) { return !q.answered; })) {
      const auto left = deadline - Clock::now();
      if (left <= Clock::duration::zero()) break;
      auto receiving = receive(socket, asio::buffer(block));
      const auto n = co_await with_timeout(left, std::move(receiving));
      if (!n) {
        if (n.error() == Errc::timed_out) break;
        co_return n.error();  // ICMP: no name server there
      }
      for (auto& q : questions) {
        auto reply = parse_dns_reply(std::span(block).first(*n), q.query);
        if (q.answered || reply.kind == DnsReply::Kind::not_ours || reply.kind == DnsReply::Kind::malformed)
          continue;
        if (reply.kind == DnsReply::Kind::truncated) {
          auto over_tcp =
              co_await with_timeout<DnsBytes>(options.try_limit, ask_over_tcp(executor, server, q.query));
          if (!over_tcp && out_of_means(over_tcp.error())) co_return over_tcp.error();
          if (!over_tcp) continue;
          reply = parse_dns_reply(*over_tcp, q.query);
        }
        q.reply = std::move(reply);
        q.answered = true;
        // A name that is not there has no address of the other family either.
        if (!q.reply.addresses.empty()) deadline = std::min(deadline, Clock::now() + kResolutionDelay);
      }
    }
    auto reply = summary(questions, host);
    if (reply) listen_for_late(socket, std::move(questions), host);
    co_return reply;
  }

  static Result<SystemReply> summary(const std::vector<Question>& questions, const std::string& host) {
    SystemReply reply;
    bool answered = false, refused = true, no_such_name = false;
    std::vector<DnsReply> replies;
    reply.ttl = 300s;
    Addresses v4;
    for (const auto& q : questions) {
      if (!q.answered) continue;
      answered = true;
      replies.push_back(q.reply);
      refused &= q.reply.kind == DnsReply::Kind::failed;
      no_such_name |= q.reply.kind == DnsReply::Kind::no_such_name;
      if (!q.reply.addresses.empty()) reply.ttl = std::min(reply.ttl, q.reply.ttl);
      for (const auto& a : q.reply.addresses) (a.is_v4() ? v4 : reply.answer.addresses).push_back(a);
    }
    if (!answered || refused) return make_error_code(Errc::timed_out);
    // IPv6 first where it is routed (RFC 6724); happy eyeballs sorts out the rest.
    reply.answer.addresses.insert(reply.answer.addresses.end(), v4.begin(), v4.end());
    if (reply.answer.addresses.empty()) {
      reply.answer.error = make_error_code(Errc::name_not_found);
      reply.answer.doubt = Signal::dns_nxdomain;  // or no data, which censors send just as well
      reply.ttl = no_such_name ? 10s : 5s;
      return reply;
    }
    reply.answer.doubt = check_addresses(host, reply.answer.addresses);
    reply.answer.thin = all_bare(replies);
    return reply;
  }

  void listen_for_late(std::shared_ptr<udp::socket> socket, std::vector<Question> questions,
                       std::string host) {
    if (background.size() > 256) return;
    background.spawn(
        late_answers(shared_from_this(), std::move(socket), std::move(questions), std::move(host)));
  }

  static asio::awaitable<void> late_answers(std::shared_ptr<Impl> self, std::shared_ptr<udp::socket> socket,
                                            std::vector<Question> questions, std::string host) {
    const auto deadline = Clock::now() + self->options.late_wait;
    std::vector<std::uint8_t> block(4096);
    for (;;) {
      const auto left = deadline - Clock::now();
      if (left <= Clock::duration::zero()) co_return;
      auto receiving = receive(socket, asio::buffer(block));
      const auto n = co_await with_timeout(left, std::move(receiving));
      if (!n) co_return;
      for (const auto& q : questions) {
        const auto second = parse_dns_reply(std::span(block).first(*n), q.query);
        if (!q.answered || second.kind != DnsReply::Kind::answer || second.addresses.empty()) continue;
        const bool appeared = q.reply.addresses.empty();
        if (appeared || contradicts(q.reply.addresses, second.addresses)) {
          self->late(host);
          co_return;
        }
      }
    }
  }

  asio::awaitable<SystemReply> ask_system(std::string host) {
    SystemReply reply;
    auto found = co_await fallback.resolve(host);
    reply.ttl = 5s;
    if (found) {
      reply.answer.addresses = std::move(*found);
      reply.answer.doubt = check_addresses(host, reply.answer.addresses);
    } else {
      reply.answer.error = found.error();
      if (!is_local_name(host)) reply.answer.doubt = doubt_of(found.error());
    }
    co_return reply;
  }

  static Signal doubt_of(const error_code& e) {
    if (e == Errc::name_not_found) return Signal::dns_nxdomain;
    if (e == Errc::timed_out || e == asio::error::host_not_found_try_again || e == asio::error::no_recovery)
      return Signal::dns_silence;
    const auto kept = kept_from_asking(e);
    return kept == Signal::none ? Signal::other : kept;
  }

  asio::any_io_executor executor;
  SystemDnsOptions options;
  std::function<void(const std::string&)> late;
  SystemResolver fallback;
  Clock::time_point refresh_at{};
  unsigned network = 0;  // counts the networks that the servers were read on
  std::vector<udp::endpoint> servers;
  HostsTable hosts;
  HostsOrder hosts_order = HostsOrder::before_dns;
  bool ipv6 = false;
  TaskGroup background;
};

SystemDns::SystemDns(asio::any_io_executor executor, SystemDnsOptions options,
                     std::function<void(const std::string&)> late)
    : impl_(std::make_shared<Impl>(executor, std::move(options), std::move(late))) {}

SystemDns::~SystemDns() {
  impl_->late = [](const std::string&) {};
  impl_->background.cancel();
}

bool SystemDns::pinned(const std::string& host) {
  return impl_->pinned(host);
}

void SystemDns::ask_servers_of(std::function<std::vector<udp::endpoint>()> servers) {
  impl_->options.servers = std::move(servers);
}

void SystemDns::forget() {
  impl_->forget();
}

asio::awaitable<SystemReply> SystemDns::ask(std::string host) {
  const auto impl = impl_;
  co_return co_await impl->ask(std::move(host));
}

}  // namespace surang::client
