// UDP ASSOCIATE (RFC 1928 7) by the local port, as programs use it and as hostile ones would.
#include <poll.h>

#include <boost/asio/ip/udp.hpp>

#include "client/inbound/udp_request.hpp"
#include "tests/integration/client/proxy_world.hpp"
#include "tests/support/quic_initial.hpp"

using namespace surang;
using namespace surang::test;
using asio::ip::udp;

namespace {

const std::string kAssociate("\x05\x01\x00\x05\x03\x00\x01\x00\x00\x00\x00\x00\x00", 13);

// A port that waits for its datagrams.
class UdpPort {
 public:
  explicit UdpPort(const char* address = "127.0.0.1", std::uint16_t port = 0)
      : socket_(io_, udp::endpoint(asio::ip::make_address(address), port)) {}
  std::uint16_t port() const { return socket_.local_endpoint().port(); }
  void say(std::string_view text, const udp::endpoint& to) { socket_.send_to(asio::buffer(text), to); }
  bool hears_nothing() { return hear(300).empty(); }
  // Empty: none came within that time.
  std::string hear(int milliseconds = 8000) {
    pollfd waiting{socket_.native_handle(), POLLIN, 0};
    if (::poll(&waiting, 1, milliseconds) <= 0) return {};
    std::string text(70000, '\0');
    error_code ec;
    const auto n = socket_.receive_from(asio::buffer(text), from, 0, ec);
    return ec ? std::string() : text.substr(0, n);
  }
  udp::endpoint from;

 private:
  asio::io_context io_;
  udp::socket socket_;
};

// An association and what is said by it.
class Associated {
 public:
  explicit Associated(const Proxy& proxy, const std::string& request = kAssociate) : control(proxy.port) {
    control.say(request);
    const auto answer = control.hear(12);
    REQUIRE(answer.substr(0, 6) == std::string("\x05\x00\x05\x00\x00\x01", 6));
    CHECK(answer.substr(6, 4) == std::string("\x7f\x00\x00\x01", 4));
    const auto high = static_cast<unsigned char>(answer[10]), low = static_cast<unsigned char>(answer[11]);
    relay = {asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(high << 8 | low)};
  }
  void say(const Endpoint& to, std::string_view text) { say_raw(wrapped(to, text), port); }
  void say_raw(std::string_view datagram, UdpPort& by) { by.say(datagram, relay); }
  // "peer text"; empty: none came.
  std::string hear() {
    const auto text = port.hear();
    const auto read =
        client::parse_udp_request({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    if (!read) return text;
    return read->to.to_string() + ' ' + std::string(read->payload.begin(), read->payload.end());
  }
  static std::string wrapped(const Endpoint& to, std::string_view text) {
    const auto header = client::udp_reply_header(to);
    return std::string(header.begin(), header.end()) + std::string(text);
  }

  RawClient control;
  udp::endpoint relay;
  UdpPort port;
};

Endpoint at(const UdpPort& port, const char* host = "127.0.0.1") {
  return {host, port.port()};
}

}  // namespace

TEST_CASE("datagrams go to any peers, by address and name, and their answers say whose they are") {
  Proxy proxy;
  UdpPort a, b("127.0.0.2");
  Associated client(proxy);
  client.say(at(a), "one");
  CHECK(a.hear() == "one");
  client.say(at(b, "127.0.0.2"), std::string(50000, 'x'));
  CHECK(b.hear() == std::string(50000, 'x'));
  CHECK(a.from.port() == b.from.port());
  b.say("from b", a.from);
  CHECK(client.hear() == at(b, "127.0.0.2").to_string() + " from b");
  client.say(at(a, "localhost"), "by name");
  CHECK(a.hear() == "by name");
  a.say("", a.from);
  CHECK(client.hear() == at(a).to_string() + ' ');
}

TEST_CASE("an association is its connection's: another sender is not heard, and it ends with it") {
  Proxy proxy;
  UdpPort site;
  Associated client(proxy);
  client.say(at(site), "mine");
  CHECK(site.hear() == "mine");
  const auto flow = site.from;
  UdpPort other, elsewhere("127.0.0.9");
  client.say_raw(Associated::wrapped(at(site), "not mine"), other);
  client.say_raw(Associated::wrapped(at(site), "not mine"), elsewhere);
  CHECK(site.hears_nothing());
  client.say(at(site), "still mine");
  CHECK(site.hear() == "still mine");
  client.control.say("whatever");  // means nothing
  client.say(at(site), "and mine");
  CHECK(site.hear() == "and mine");
  CHECK(site.from == flow);
  client.control.end();
  CHECK(client.control.hear_all().empty());
  client.say(at(site), "nobody's");
  CHECK(site.hears_nothing());
}

TEST_CASE("rubbish, and who is not the client, claim no association") {
  Proxy proxy;
  UdpPort site, other, elsewhere("127.0.0.9");
  Associated client(proxy);
  client.say_raw("rubbish", other);
  client.say_raw(Associated::wrapped(at(site), "not mine"), elsewhere);
  CHECK(site.hears_nothing());
  client.say(at(site), "mine");
  CHECK(site.hear() == "mine");
}

TEST_CASE("a flow that has ended is opened again for what is sent next") {
  Proxy proxy;
  UdpPort far("127.0.0.2");
  Associated client(proxy);
  const Endpoint blocked("blocked.com", far.port());
  client.say(blocked, "first");
  CHECK(far.hear() == "first");
  const auto before = far.from;
  proxy.outbound.cut_flows = true;
  client.say(blocked, "lost");  // by the one that ends with it
  CHECK(far.hears_nothing());
  proxy.outbound.cut_flows = false;
  client.say(blocked, "second");
  CHECK(far.hear() == "second");
  CHECK(far.from != before);
  far.say("back", far.from);
  CHECK(client.hear() == at(far, "127.0.0.2").to_string() + " back");
}

TEST_CASE("a port that was named is the one that is heard, where that can be the client's") {
  Proxy proxy;
  UdpPort site, named, other;
  auto request = kAssociate;
  request[11] = static_cast<char>(named.port() >> 8);
  request[12] = static_cast<char>(named.port() & 255);
  Associated client(proxy, request);
  client.say_raw(Associated::wrapped(at(site), "other"), other);
  CHECK(site.hears_nothing());
  client.say_raw(Associated::wrapped(at(site), "named"), named);
  CHECK(site.hear() == "named");
  request[8] = 93;  // somebody else's address: no word of its port
  Associated mistaken(proxy, request);
  mistaken.say(at(site), "any");
  CHECK(site.hear() == "any");
}

TEST_CASE("fragments, rubbish, what is forbidden and what has no way are lost, and harm nobody") {
  Proxy proxy;
  UdpPort site;
  Associated client(proxy);
  auto fragment = Associated::wrapped(at(site), "fragment");
  fragment[2] = 1;
  auto reserved = Associated::wrapped(at(site), "reserved");
  reserved[0] = 1;
  for (const std::string& bad :
       {fragment, reserved, std::string(), std::string("\0\0\0", 3), std::string("\0\0\0\1\x7f", 5),
        std::string("\0\0\0\2aaaaaaaaa", 13), Associated::wrapped(Endpoint("127.0.0.1", 0), "x"),
        Associated::wrapped(Endpoint("never.test", site.port()), "x"),
        Associated::wrapped(Endpoint("gone.test", site.port()), "x")})
    client.say_raw(bad, client.port);
  client.say(at(site), "whole");
  CHECK(site.hear() == "whole");
  CHECK(site.hears_nothing());
}

TEST_CASE("QUIC to an address goes the way of the site that it names, and seems to come back from there") {
  Proxy proxy;
  UdpPort here;
  UdpPort far("127.0.0.2", here.port());
  Associated client(proxy);
  const auto begin = [&client, &here](std::string_view site) {
    const auto hello = quic_beginning(site);
    const std::string text(hello.begin(), hello.end());
    client.say(at(here), text);
    return text;
  };
  auto said = begin("example.com");
  CHECK(here.hear() == said);
  client.say(at(here), "more");
  CHECK(here.hear() == "more");
  said = begin("blocked.com");
  CHECK(far.hear() == said);
  far.say("from afar", far.from);
  CHECK(client.hear() == at(here).to_string() + " from afar");
  client.say(at(here), "more");
  CHECK(far.hear() == "more");
  said = begin("example.com");
  CHECK(here.hear() == said);
  here.say("from here", here.from);
  CHECK(client.hear() == at(here).to_string() + " from here");
}

TEST_CASE("a hundred associations at once, each with its own port") {
  Proxy proxy;
  UdpPort site;
  std::list<Associated> clients;
  for (int i = 0; i < 100; ++i) {
    auto& client = clients.emplace_back(proxy);
    client.say(at(site), std::to_string(i));
    CHECK(site.hear() == std::to_string(i));
    site.say("to " + std::to_string(i), site.from);
    CHECK(client.hear() == at(site).to_string() + " to " + std::to_string(i));
  }
}
