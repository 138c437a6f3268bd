// The system's name servers, played on loopback.
#include <doctest.h>
#include <sys/resource.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <map>
#include <set>

#include "client/dns/answer_check.hpp"
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
  std::vector<const char*> later;  // a second answer, Server::later_by behind
  bool nothing = false;
  bool edns = false;  // repeats the question's OPT record
};

class Server {
 public:
  explicit Server(asio::any_io_executor e) : executor_(e), socket_(e), listener_(e), tasks_(e) {
    for (int tries = 0; !listen_on_both(tries == 20); ++tries) {
    }
    tasks_.spawn(serve());
    tasks_.spawn(serve_tcp());
  }
  udp::endpoint endpoint() const { return socket_.local_endpoint(); }
  std::map<std::string, Says> names;
  std::chrono::milliseconds later_by{30};
  int questions = 0, over_tcp = 0, second_answers = 0;
  asio::awaitable<void> close() {
    tasks_.cancel();
    co_await tasks_.join();
  }

 private:
  // On one port, which is free for UDP and may be taken for TCP: false then, or an exception when it is
  // `last`.
  bool listen_on_both(bool last) {
    socket_ = udp::socket(executor_, udp::endpoint(asio::ip::make_address("127.0.0.1"), 0));
    const asio::ip::tcp::endpoint at(socket_.local_endpoint().address(), socket_.local_endpoint().port());
    try {
      listener_ = asio::ip::tcp::acceptor(executor_, at);
    } catch (const boost::system::system_error& why) {
      if (last || why.code() != asio::error::address_in_use) throw;
      return false;
    }
    return true;
  }
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
      auto first = reply(q, says.cut ? std::vector<const char*>{} : says.addresses, says.code, says.cut);
      if (says.edns) {
        first[11] = 1;
        first.insert(first.end(), q.end() - 11, q.end());
      }
      co_await socket_.async_send_to(asio::buffer(first), from, asio::use_awaitable);
      if (says.later.empty()) continue;
      asio::steady_timer timer(executor_, later_by);
      co_await timer.async_wait(asio::use_awaitable);
      ++second_answers;
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

asio::awaitable<void> second_answer(Server& server, int count) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (int i = 0; i < 1000 && server.second_answers < count; ++i) {
    timer.expires_after(10ms);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

}  // namespace

TEST_CASE("the system's name servers are asked, and heard to the end") {
  surang::test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Server server(io.get_executor());
    std::set<std::string> late;
    SystemDnsOptions options;
    options.servers = [&] { return std::vector{server.endpoint()}; };
    options.hosts = [] { return parse_hosts("10.9.8.7 pinned.example\n"); };
    options.try_limit = 150ms;
    options.late_wait = 10s;
    options.hosts_order = [] { return HostsOrder::before_dns; };
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
    CHECK(dns.pinned("pinned.example"));
    CHECK(!dns.pinned("a.example"));

    // One bare address of a family, without the EDNS record that was in the question: as injectors answer.
    server.names["bare.example"].addresses = {"93.184.1.5"};
    CHECK((co_await dns.ask("bare.example")).answer.thin);
    server.names["two.example"].addresses = {"93.184.1.5", "93.184.1.6"};
    CHECK(!(co_await dns.ask("two.example")).answer.thin);
    server.names["small.example"].addresses = {"93.184.1.5"};
    server.names["small.example"].edns = true;
    CHECK(!(co_await dns.ask("small.example")).answer.thin);

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
    server.later_by = 500ms;
    CHECK((co_await dns.ask("same.example")).answer.addresses.size() == 1);
    CHECK(server.second_answers == 0);  // the second answer is not waited for
    co_await second_answer(server, 1);
    CHECK((co_await dns.ask("raced.example")).answer.addresses.size() == 1);
    co_await second_answer(server, 2);
    asio::steady_timer timer(io.get_executor());
    for (int i = 0; i < 1000 && late.empty(); ++i) {
      timer.expires_after(10ms);
      co_await timer.async_wait(asio::use_awaitable);
    }
    CHECK(late == std::set<std::string>{"raced.example"});
    co_await server.close();
  });
}

TEST_CASE("a change of network turns to its name servers, in the middle of a question too") {
  surang::test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Server old(io.get_executor()), fresh(io.get_executor());
    Server* now = &old;
    SystemDnsOptions options;
    options.servers = [&] { return std::vector{now->endpoint()}; };
    options.hosts = [] { return HostsTable{}; };
    options.hosts_order = [] { return HostsOrder::before_dns; };
    options.try_limit = 500ms;
    options.rounds = 4;
    options.ipv6 = false;
    SystemDns dns(io.get_executor(), options, [](const std::string&) {});
    old.names["a.example"].nothing = true;
    fresh.names["a.example"].addresses = {"93.184.1.1"};
    fresh.names["b.example"].addresses = {"93.184.1.2"};

    TaskGroup browser(io.get_executor());
    SystemReply reply;
    const auto ask = [](SystemDns& d, SystemReply& r) -> asio::awaitable<void> {
      r = co_await d.ask("a.example");
    };
    browser.spawn(ask(dns, reply));
    asio::steady_timer timer(io.get_executor());
    while (old.questions == 0) {
      timer.expires_after(5ms);
      co_await timer.async_wait(asio::use_awaitable);
    }
    now = &fresh;
    dns.forget();
    CHECK((co_await dns.ask("b.example")).answer.addresses.size() == 1);
    co_await browser.join();
    CHECK(reply.answer.addresses.size() == 1);
    CHECK(old.questions == 1);
    co_await old.close();
    co_await fresh.close();
  });
}

TEST_CASE("a computer out of descriptors says nothing about the name server") {
  surang::test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Server server(io.get_executor());
    server.names["a.example"].addresses = {"93.184.1.1"};
    SystemDnsOptions options;
    options.servers = [&] { return std::vector{server.endpoint()}; };
    options.hosts = [] { return HostsTable{}; };
    options.hosts_order = [] { return HostsOrder::before_dns; };
    options.ipv6 = false;
    SystemDns dns(io.get_executor(), options, [](const std::string&) {});
    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    auto none = before;
    none.rlim_cur = 3;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    const auto reply = co_await dns.ask("a.example");
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(reply.answer.doubt == Signal::other);
    CHECK(reply.answer.error == boost::system::errc::too_many_files_open);
    CHECK((co_await dns.ask("a.example")).answer.doubt == Signal::none);
    co_await server.close();
  });
}

TEST_CASE("one bare record of each family is as injectors answer") {
  DnsReply four, six, none;
  four.records = six.records = 1;
  CHECK(all_bare(std::vector{four, six}));
  CHECK(all_bare(std::vector{four, none}));
  CHECK(all_bare(std::vector{six}));
  CHECK(!all_bare(std::vector{none, none}));
  none.edns = true;  // says nothing about who sent the others
  CHECK(all_bare(std::vector{four, none}));
  six.edns = true;
  CHECK(!all_bare(std::vector{four, six}));
  six.edns = false;
  six.records = 2;
  CHECK(!all_bare(std::vector{four, six}));
}
