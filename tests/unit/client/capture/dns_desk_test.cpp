// The desk between a program's question and a name server on loopback, with a routing that says what it is
// told to.
#include "client/capture/dns_desk.hpp"

#include <doctest.h>

#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>
#include <memory>

#include "client/capture/asking.hpp"
#include "client/dns/dns_message.hpp"
#include "tests/support/memory_stream.hpp"
#include "tests/support/run.hpp"
#include "transports/core/task_group.hpp"

using namespace surang;
using namespace surang::client;
using namespace surang::client::capture;
using namespace std::chrono_literals;
using asio::ip::udp;
using Bytes = DnsDesk::Bytes;

namespace {

// Says of each name what the test has written down.
class Told final : public Outbound {
 public:
  std::map<std::string, Standing> standings;
  std::map<std::string, NameWord> words;
  std::chrono::milliseconds takes{0};
  int looked_up = 0, encrypted = 0;

  asio::awaitable<Result<OpenedConnection>> open(Endpoint, FirstFlight, std::shared_ptr<HeadStart>) override {
    co_return make_error_code(Errc::no_route);
  }
  Standing standing(const Endpoint&, const std::string& site) override {
    return standings.contains(site) ? standings[site] : Standing::open;
  }
  asio::awaitable<NameWord> look_up(std::string name) override {
    ++looked_up;
    asio::steady_timer timer(co_await asio::this_coro::executor, takes);
    co_await timer.async_wait(asio::use_awaitable);
    co_return words[name];
  }
  asio::awaitable<Result<Bytes>> ask_encrypted(Bytes query) override {
    ++encrypted;
    co_return make_dns_answer(query, *DnsQuestion::parse(query), DnsCode::ok);
  }
};

// Answers every question with one address, and counts.
class NameServer {
 public:
  explicit NameServer(asio::any_io_executor e)
      : socket_(e, udp::endpoint(asio::ip::make_address("127.0.0.1"), 0)), tasks_(e) {
    tasks_.spawn(serve());
  }
  udp::endpoint at() const { return socket_.local_endpoint(); }
  asio::awaitable<void> close() {
    tasks_.cancel();
    co_await tasks_.join();
  }
  int questions = 0;

 private:
  asio::awaitable<void> serve() {
    Bytes block(1500);
    for (;;) {
      udp::endpoint from;
      const auto n = co_await socket_.async_receive_from(asio::buffer(block), from, asio::use_awaitable);
      ++questions;
      const Bytes query(block.begin(), block.begin() + static_cast<std::ptrdiff_t>(n));
      const auto answer = make_dns_answer(query, *DnsQuestion::parse(query), DnsCode::ok,
                                          {asio::ip::make_address("192.0.2.9")}, 300);
      socket_.send_to(asio::buffer(answer), from);
    }
  }
  udp::socket socket_;
  TaskGroup tasks_;
};

struct Desk {
  explicit Desk(asio::any_io_executor e) : server(e), desk(e, told, fakes, options()) {}
  DnsDeskOptions options() {
    DnsDeskOptions o;
    o.ours = [](const std::string& name) { return name == "bridge.example"; };
    o.as_they_come = [](const std::string& name) { return name.ends_with(".lan.example"); };
    o.name_servers = [this] { return systems; };
    o.families = [this] { return families; };
    o.look_up_wait = 100ms;
    o.relay_wait = 300ms;
    return o;
  }
  asio::awaitable<DnsReply> ask(std::string name, RecordType type = RecordType::a) {
    const auto query = make_dns_query(name, type, 77);
    const auto answer = co_await desk.answer(query, {server.at(), DnsDesk::By::udp, guest});
    co_return parse_dns_reply(answer, query);
  }
  // Of a type that is no address's.
  asio::awaitable<Bytes> ask_other(std::string name, std::uint16_t type) {
    auto query = make_dns_query(name, RecordType::a, 78);
    query[query.size() - 11 - 4] = static_cast<std::uint8_t>(type >> 8);
    query[query.size() - 11 - 3] = static_cast<std::uint8_t>(type);
    co_return co_await desk.answer(query, {server.at(), DnsDesk::By::udp, guest});
  }

  bool guest = false;
  std::vector<udp::endpoint> systems;
  std::pair<bool, bool> families{true, true};
  Told told;
  FakeAddresses fakes{100};
  NameServer server;
  DnsDesk desk;
};

using Scene = asio::awaitable<void> (*)(Desk&);

asio::awaitable<void> on_desk(Scene scene) {
  Desk desk(co_await asio::this_coro::executor);
  co_await scene(desk);
  co_await desk.server.close();
}

void with_desk(Scene scene) {
  surang::test::run([scene](asio::io_context&) { return on_desk(scene); });
}

bool faked(const DnsReply& reply) {
  return reply.addresses.size() == 1 && FakeAddresses::in_range(reply.addresses[0]);
}

}  // namespace

TEST_CASE("a site has a fake of the family that is asked for, and the name server hears nothing") {
  with_desk([](Desk& d) -> asio::awaitable<void> {
    const auto v4 = co_await d.ask("open.example");
    CHECK(faked(v4));
    CHECK((d.fakes.name_at(v4.addresses.at(0)) == "open.example"));
    CHECK(faked(co_await d.ask("open.example", RecordType::aaaa)));
    d.families = {true, false};
    CHECK((co_await d.ask("open.example", RecordType::aaaa)).addresses.empty());
    d.families = {false, true};
    CHECK((co_await d.ask("open.example")).addresses.empty());
    d.families = {false, false};
    CHECK(faked(co_await d.ask("open.example")));
    CHECK(d.server.questions == 0);
  });
}

TEST_CASE("of a blocked site nobody hears but encrypted DNS") {
  with_desk([](Desk& d) -> asio::awaitable<void> {
    d.told.standings["blocked.example"] = Outbound::Standing::blocked;
    d.told.standings["far.example"] = Outbound::Standing::tunnelled;
    for (const auto* name : {"blocked.example", "far.example"}) {
      CHECK(faked(co_await d.ask(name)));
      const auto text = co_await d.ask_other(name, 16);
      CHECK(text.size() > 12);
      const auto https = co_await d.ask_other(name, kTypeHttps);
      REQUIRE(https.size() > 12);
      CHECK((https[3] & 0xf) == 0);
      CHECK(https[7] == 0);
    }
    CHECK(d.told.looked_up == 0);
    CHECK(d.told.encrypted == 2);
    CHECK(d.server.questions == 0);
  });
}

TEST_CASE("what is not to be faked is asked where the program asks") {
  with_desk([](Desk& d) -> asio::awaitable<void> {
    d.told.standings["bank.example"] = Outbound::Standing::own;
    d.told.standings["blocked.lan.example"] = Outbound::Standing::blocked;
    int asked = 0;
    for (const auto* name :
         {"bridge.example", "printer.lan.example", "bank.example", "printer", "printer.local"}) {
      const auto reply = co_await d.ask(name);
      CHECK_MESSAGE((reply.addresses == std::vector{asio::ip::make_address("192.0.2.9")}), name);
      CHECK(d.server.questions == ++asked);
    }
    CHECK((co_await d.ask_other("open.example", 16)).size() > 12);
    CHECK(d.server.questions == ++asked);
    CHECK(faked(co_await d.ask("blocked.lan.example")));
    CHECK(d.server.questions == asked);
    CHECK(d.desk.servers().empty());
    d.desk.note({asio::ip::make_address("198.18.0.9"), 53});
    d.desk.note(d.server.at());
    CHECK((d.desk.servers() == std::vector{d.server.at()}));
  });
}

TEST_CASE("a guest is led to no name server of the inner network but the system's") {
  with_desk([](Desk& d) -> asio::awaitable<void> {
    d.guest = true;
    CHECK(faked(co_await d.ask("open.example")));
    const auto nothing = co_await d.ask_other("open.example", 16);
    CHECK(nothing.empty());
    CHECK(d.server.questions == 0);
    d.systems = {d.server.at()};
    const auto text = co_await d.ask_other("open.example", 16);
    CHECK(text.size() > 12);
    CHECK(d.server.questions == 1);
  });
}

TEST_CASE("one guest's questions leave room for those of others") {
  const auto guest = asio::ip::make_address("192.168.7.2"), other = asio::ip::make_address("192.168.7.3");
  Asking asking;
  std::vector<std::unique_ptr<Asking::One>> held;
  while (asking.may(guest, true)) held.push_back(std::make_unique<Asking::One>(asking, guest));
  CHECK(held.size() == Asking::kMostOfGuest);
  CHECK(asking.may(other, true));
  CHECK(asking.may(guest, false));
  held.pop_back();
  CHECK(asking.may(guest, true));
  while (asking.may(other, false)) held.push_back(std::make_unique<Asking::One>(asking, other));
  CHECK(held.size() == Asking::kMost);
  held.clear();
  CHECK(asking.may(guest, true));
}

TEST_CASE("names that stand for nothing, for something inside, or that a rule refuses") {
  with_desk([](Desk& d) -> asio::awaitable<void> {
    d.told.words["nowhere.example"] = Outbound::NameWord{false, {}};
    d.told.words["inside.example"] = Outbound::NameWord{true, {asio::ip::make_address("10.1.2.3")}};
    d.told.standings["ads.example"] = Outbound::Standing::refused;
    CHECK(((co_await d.ask("ads.example")).kind == DnsReply::Kind::no_such_name));
    CHECK(d.server.questions == 0);
    for (const auto* name : {"nowhere.example", "inside.example"}) {
      const auto reply = co_await d.ask(name);
      CHECK_MESSAGE((reply.addresses == std::vector{asio::ip::make_address("192.0.2.9")}), name);
    }
    CHECK(d.server.questions == 2);
    d.told.takes = 5s;
    CHECK(faked(co_await d.ask("slow.example")));
  });
}

TEST_CASE("over TCP messages have their length in front, one after another") {
  with_desk([](Desk& d) -> asio::awaitable<void> {
    const auto executor = co_await asio::this_coro::executor;
    auto [here, there] = surang::test::memory_stream_pair(executor, 1);
    TaskGroup tasks(executor);
    tasks.spawn(d.desk.serve(std::move(there), {d.server.at(), DnsDesk::By::tcp}));
    for (const auto* name : {"a.example", "b.example"}) {
      const auto query = make_dns_query(name, RecordType::a, 5);
      Bytes message{0, static_cast<std::uint8_t>(query.size())};
      message.insert(message.end(), query.begin(), query.end());
      const auto sent = co_await here->write_all(asio::buffer(message));
      CHECK(sent.has_value());
      Bytes got;
      std::array<std::uint8_t, 512> block;
      while (got.size() < 2 || got.size() < 2U + got[1]) {
        const auto n = co_await here->read_some(asio::buffer(block));
        REQUIRE((n && *n > 0));
        got.insert(got.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(*n));
      }
      const auto reply = parse_dns_reply(std::span(got).subspan(2), query);
      CHECK(faked(reply));
    }
    here->close(true);
    co_await tasks.join();
  });
}
