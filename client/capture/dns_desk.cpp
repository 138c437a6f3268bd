#include "client/capture/dns_desk.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <string_view>
#include <utility>

#include "client/detection/site_scope.hpp"
#include "client/dns/dns_message.hpp"
#include "client/dns/dns_over_tcp.hpp"
#include "transports/core/timeout.hpp"
#include "transports/udp/udp_socket.hpp"

namespace surang::client::capture {
namespace {

using asio::ip::udp;
using Bytes = DnsDesk::Bytes;
using Standing = Outbound::Standing;

constexpr std::size_t kMostServers = 4;
constexpr unsigned kMostRelaying = 512;
constexpr std::chrono::seconds kQuietConnection{20};
constexpr std::size_t kLargestUdp = 4096;

asio::awaitable<Result<Bytes>> ask_by_udp(asio::any_io_executor executor, udp::endpoint server, Bytes query) {
  udp::socket socket(executor);
  if (const auto failed = open_udp_socket(socket, {server.protocol(), 0})) co_return failed;
  error_code ec;
  socket.connect(server, ec);
  if (!ec) socket.send(asio::buffer(query), 0, ec);
  if (ec) co_return ec;
  Bytes reply(kLargestUdp);
  for (;;) {
    const auto n =
        co_await socket.async_receive(asio::buffer(reply), asio::redirect_error(asio::use_awaitable, ec));
    if (ec) co_return ec;
    if (!answers(std::span(reply).first(n), query)) continue;
    reply.resize(n);
    co_return std::move(reply);
  }
}

// A message with its length in front (RFC 1035 4.2.2); an error at the connection's end.
asio::awaitable<Result<Bytes>> read_message(Stream& stream) {
  Bytes got;
  std::size_t wanted = 2;
  std::array<std::uint8_t, 1024> block;
  while (got.size() < wanted) {
    const auto n = co_await stream.read_some_for(
        asio::buffer(block.data(), std::min(block.size(), wanted - got.size())), kQuietConnection);
    if (!n) co_return n.error();
    if (*n == 0) co_return make_error_code(Errc::closed);
    got.insert(got.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(*n));
    if (got.size() == 2) wanted = 2 + (static_cast<std::size_t>(got[0]) << 8 | got[1]);
  }
  got.erase(got.begin(), got.begin() + 2);
  co_return std::move(got);
}

asio::awaitable<Result<Bytes>> ask_by_tcp(asio::any_io_executor executor, udp::endpoint server, Bytes query) {
  auto reply = co_await ask_over_tcp(std::move(executor), std::move(server), query);
  if (reply && !answers(*reply, query)) co_return make_error_code(Errc::protocol);
  co_return reply;
}

}  // namespace

DnsDesk::DnsDesk(asio::any_io_executor executor, Outbound& outbound, FakeAddresses& names,
                 DnsDeskOptions options)
    : executor_(std::move(executor)), outbound_(outbound), names_(names), options_(std::move(options)) {}

asio::awaitable<Bytes> DnsDesk::answer(Bytes query, Asked asked) {
  auto question = DnsQuestion::parse(query);
  const bool a_sites =
      question && question->internet && !question->name.empty() && !is_local_name(question->name);
  if (!a_sites || options_.ours(question->name)) co_return co_await relay(std::move(query), std::move(asked));
  const Endpoint to(question->name, 443);
  const auto standing = outbound_.standing(to, to.host());
  const bool for_address = question->type == kTypeA || question->type == kTypeAaaa;
  const bool hidden = standing == Standing::blocked || standing == Standing::tunnelled;
  if (standing == Standing::refused) co_return make_dns_answer(query, *question, DnsCode::no_such_name);
  if (!hidden && (standing == Standing::own || options_.as_they_come(question->name)))
    co_return co_await relay(std::move(query), std::move(asked));
  // What they say of a site's addresses and keys goes round the name that a fake stands for, and its absence
  // is nothing odd.
  if (question->type == kTypeHttps || question->type == kTypeSvcb)
    co_return make_dns_answer(query, *question, DnsCode::ok);
  if (for_address && hidden) co_return fake(query, *question);
  if (for_address)
    co_return co_await answer_address(std::move(query), std::move(*question), std::move(asked));
  if (hidden) co_return co_await encrypted(std::move(query), std::move(*question));
  co_return co_await relay(std::move(query), std::move(asked));
}

// The wait is no loss: whoever asks will connect, and then the same is asked.
asio::awaitable<Bytes> DnsDesk::answer_address(Bytes query, DnsQuestion question, Asked asked) {
  struct LookedUp {
    static asio::awaitable<Result<Outbound::NameWord>> up(Outbound& outbound, std::string name) {
      auto word = co_await outbound.look_up(std::move(name));
      co_return Result<Outbound::NameWord>(std::move(word));
    }
  };
  auto looking = LookedUp::up(outbound_, question.name);
  const auto word = co_await with_timeout(options_.look_up_wait, std::move(looking));
  // Perhaps the server that was asked knows better, which is a VPN's.
  if (word && (!word->exists || !word->own.empty()))
    co_return co_await relay(std::move(query), std::move(asked));
  co_return fake(query, question);
}

Bytes DnsDesk::fake(const Bytes& query, const DnsQuestion& question) {
  const auto [v4, v6] = options_.families();
  const auto pair = names_.of(question.name);
  std::vector<asio::ip::address> given;
  if (question.type == kTypeA && (v4 || !v6)) given.push_back(pair.v4);
  if (question.type == kTypeAaaa && v6) given.push_back(pair.v6);
  return make_dns_answer(query, question, DnsCode::ok, given);
}

asio::awaitable<Bytes> DnsDesk::encrypted(Bytes query, DnsQuestion question) {
  const auto answer = co_await outbound_.ask_encrypted(query);
  if (answer && answers(*answer, query)) co_return *answer;
  co_return make_dns_answer(query, question, DnsCode::failed);
}

asio::awaitable<Bytes> DnsDesk::relay(Bytes query, Asked asked) {
  struct Counted {
    unsigned& count;
    explicit Counted(unsigned& c) : count(c) { ++count; }
    ~Counted() { --count; }
  };
  if (relaying_ >= kMostRelaying) co_return Bytes{};
  if (asked.guest && !is_public_address(asked.server.address())) {
    const auto systems = options_.name_servers();
    if (std::ranges::find(systems, asked.server) == systems.end()) co_return Bytes{};
  }
  const Counted counted(relaying_);
  auto asking = asked.by == By::udp ? ask_by_udp(executor_, asked.server, std::move(query))
                                    : ask_by_tcp(executor_, asked.server, std::move(query));
  auto reply = co_await with_timeout(options_.relay_wait, std::move(asking));
  co_return reply ? std::move(*reply) : Bytes{};
}

asio::awaitable<void> DnsDesk::serve(StreamPtr stream, Asked asked) {
  for (;;) {
    auto query = co_await read_message(*stream);
    if (!query) co_return;
    const auto reply = co_await answer(std::move(*query), asked);
    if (reply.empty()) co_return;
    const auto message = framed(reply);
    const auto sent = co_await stream->write_all(asio::buffer(message));
    if (!sent) co_return;
  }
}

void DnsDesk::note(const udp::endpoint& server) {
  if (FakeAddresses::in_range(server.address())) return;
  if (!servers_.empty() && servers_.front() == server) return;
  std::erase(servers_, server);
  servers_.push_front(server);
  if (servers_.size() > kMostServers) servers_.pop_back();
}

std::vector<udp::endpoint> DnsDesk::servers() const {
  return {servers_.begin(), servers_.end()};
}

bool tries_network(const std::string& name) {
  static constexpr std::array<std::string_view, 14> kNames{"connectivitycheck.gstatic.com",
                                                           "connectivitycheck.android.com",
                                                           "clients3.google.com",
                                                           "captive.apple.com",
                                                           "www.msftconnecttest.com",
                                                           "www.msftncsi.com",
                                                           "dns.msftncsi.com",
                                                           "detectportal.firefox.com",
                                                           "nmcheck.gnome.org",
                                                           "network-test.debian.org",
                                                           "networkcheck.kde.org",
                                                           "ping.archlinux.org",
                                                           "connectivity-check.ubuntu.com",
                                                           "conncheck.opensuse.org"};
  return std::ranges::find(kNames, name) != kNames.end();
}

}  // namespace surang::client::capture
