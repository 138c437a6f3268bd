// The system's name servers, played on loopback.
#include <doctest.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <map>
#include <set>

#include "client/dns/system_dns.hpp"
#include "tests/support/run.hpp"
#include "transports/core/task_group.hpp"

using namespace surang;
using namespace surang::client;
using namespace std::chrono_literals;
namespace asio = boost::asio;
using asio::ip::udp;
using Bytes = std::vector<std::uint8_t>;

namespace {

// What the server says to a question for a name.
struct Says {
  std::vector<const char*> addresses;
  int code = 0;
  bool cut = false;                // truncated over UDP
  std::vector<const char*> later;  // a second answer 30 ms behind
  bool nothing = false;
};

class Server {
 public:
  explicit Server(asio::any_io_executor e)
      : executor_(e),
        socket_(e, udp::endpoint(asio::ip::make_address("127.0.0.1"), 0)),
        listener_(
            e, asio::ip::tcp::endpoint(socket_.local_endpoint().address(), socket_.local_endpoint().port())),
        tasks_(e) {
    tasks_.spawn(serve());
    tasks_.spawn(serve_tcp());
  }
  udp::endpoint endpoint() const { return socket_.local_endpoint(); }
  std::map<std::string, Says> names;
  int questions = 0, over_tcp = 0;
  asio::awaitable<void> close() {
    tasks_.cancel();
    co_await tasks_.join();
  }

 private:
  static std::string name_of(const Bytes& q) {
    std::string name;
    for (std::size_t at = 12; at < q.size() && q[at]; at += q[at] + 1U) {
      if (!name.empty()) name += '.';
      name.append(q.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                  q.begin() + static_cast<std::ptrdiff_t>(at) + 1 + q[at]);
    }
    return name;
  }
  static Bytes reply(const Bytes& q, const std::vector<const char*>& addresses, int code, bool cut) {
    Bytes r(q.begin(), q.end() - 11);
    r[2] = static_cast<std::uint8_t>(0x81 | (cut ? 2 : 0));
    r[3] = static_cast<std::uint8_t>(0x80 | code);
    r[11] = 0;
    for (const auto* text : addresses) {
      ++r[7];
      for (const int b : {0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4}) r.push_back(static_cast<std::uint8_t>(b));
      for (const auto b : asio::ip::make_address_v4(text).to_bytes()) r.push_back(b);
    }
    return r;
  }
  asio::awaitable<void> serve() {
    for (;;) {
      Bytes q(512);
      udp::endpoint from;
      q.resize(co_await socket_.async_receive_from(asio::buffer(q), from, asio::use_awaitable));
      ++questions;
      const auto says = names[name_of(q)];
      if (says.nothing) continue;
      const auto first =
          reply(q, says.cut ? std::vector<const char*>{} : says.addresses, says.code, says.cut);
      co_await socket_.async_send_to(asio::buffer(first), from, asio::use_awaitable);
      if (says.later.empty()) continue;
      asio::steady_timer timer(executor_, 30ms);
      co_await timer.async_wait(asio::use_awaitable);
      const auto second = reply(q, says.later, 0, false);
      co_await socket_.async_send_to(asio::buffer(second), from, asio::use_awaitable);
    }
  }
  asio::awaitable<void> serve_tcp() {
    for (;;) {
      auto peer = co_await listener_.async_accept(asio::use_awaitable);
      ++over_tcp;
      std::array<std::uint8_t, 2> size{};
      co_await asio::async_read(peer, asio::buffer(size), asio::use_awaitable);
      Bytes q(static_cast<std::size_t>(size[0]) << 8 | size[1]);
      co_await asio::async_read(peer, asio::buffer(q), asio::use_awaitable);
      auto r = reply(q, names[name_of(q)].addresses, 0, false);
      r.insert(r.begin(), {static_cast<std::uint8_t>(r.size() >> 8), static_cast<std::uint8_t>(r.size())});
      co_await asio::async_write(peer, asio::buffer(r), asio::use_awaitable);
    }
  }
  asio::any_io_executor executor_;
  udp::socket socket_;
  asio::ip::tcp::acceptor listener_;
  TaskGroup tasks_;
};

}  // namespace

TEST_CASE("the system's name servers are asked, and heard to the end") {
  surang::test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Server server(io.get_executor());
    std::set<std::string> late;
    SystemDnsOptions options;
    options.servers = [&] { return std::vector{server.endpoint()}; };
    options.hosts = [] { return parse_hosts("10.9.8.7 pinned.example\n"); };
    options.try_limit = 150ms;
    options.late_wait = 100ms;
    options.ipv6 = false;
    SystemDns dns(io.get_executor(), options, [&](const std::string& host) { late.insert(host); });

    server.names["a.example"].addresses = {"93.184.1.1", "93.184.1.2"};
    auto reply = co_await dns.ask("a.example");
    CHECK(reply.answer.addresses.size() == 2);
    CHECK(reply.answer.doubt == Signal::none);
    CHECK(reply.ttl == 60s);

    server.names["nx.example"].code = 3;
    CHECK((co_await dns.ask("nx.example")).answer.doubt == Signal::dns_nxdomain);
    server.names["bogon.example"].addresses = {"10.10.34.35"};
    CHECK((co_await dns.ask("bogon.example")).answer.doubt == Signal::dns_bogon);
    CHECK((co_await dns.ask("pinned.example")).answer.doubt == Signal::none);

    server.names["big.example"].addresses = {"93.184.1.9"};
    server.names["big.example"].cut = true;
    CHECK((co_await dns.ask("big.example")).answer.addresses.size() == 1);
    CHECK(server.over_tcp == 1);

    server.names["mute.example"].nothing = true;
    reply = co_await dns.ask("mute.example");
    CHECK(reply.answer.doubt == Signal::dns_silence);
    CHECK(reply.answer.error == Errc::timed_out);

    server.names["raced.example"].addresses = {"93.184.1.3"};
    server.names["raced.example"].later = {"93.184.7.7"};
    server.names["same.example"].addresses = {"93.184.1.3"};
    server.names["same.example"].later = {"93.184.1.3"};
    const auto begun = Clock::now();
    CHECK((co_await dns.ask("raced.example")).answer.addresses.size() == 1);
    CHECK((co_await dns.ask("same.example")).answer.addresses.size() == 1);
    CHECK(Clock::now() - begun < 90ms);  // the second answer is not waited for
    asio::steady_timer timer(io.get_executor(), 150ms);
    co_await timer.async_wait(asio::use_awaitable);
    CHECK(late == std::set<std::string>{"raced.example"});
    co_await server.close();
  });
}
