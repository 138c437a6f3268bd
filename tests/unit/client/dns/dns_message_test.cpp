// dns_message, answer_check, name_servers: pure.
#include <doctest.h>

#include "client/dns/answer_check.hpp"
#include "client/dns/dns_message.hpp"
#include "client/dns/name_servers.hpp"

using namespace surang::client;
using boost::asio::ip::make_address;
using Bytes = std::vector<std::uint8_t>;

namespace {

// A reply to `query` (as make_dns_query gives it) with one A or AAAA record for each address.
Bytes reply_to(const Bytes& query, std::vector<const char*> addresses, int code = 0) {
  Bytes r(query.begin(), query.end() - 11);  // without EDNS
  r[2] |= 0x80;
  r[3] = static_cast<std::uint8_t>(0x80 | code);
  r[7] = static_cast<std::uint8_t>(addresses.size());
  r[11] = 0;
  for (const auto* text : addresses) {
    const auto a = make_address(text);
    const int type = a.is_v4() ? 1 : 28, size = a.is_v4() ? 4 : 16;
    for (const int b : {0xC0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, size})
      r.push_back(static_cast<std::uint8_t>(b));
    if (a.is_v4())
      for (const auto b : a.to_v4().to_bytes()) r.push_back(b);
    else
      for (const auto b : a.to_v6().to_bytes()) r.push_back(b);
  }
  return r;
}

}  // namespace

TEST_CASE("a reply must repeat the question") {
  const auto query = make_dns_query("www.example.com", RecordType::a, 0x1234);
  REQUIRE(query.size() > 23);
  const auto good = reply_to(query, {"93.184.1.1", "93.184.1.2"});
  const auto parsed = parse_dns_reply(good, query);
  CHECK(parsed.kind == DnsReply::Kind::answer);
  CHECK(parsed.addresses.size() == 2);
  CHECK(parsed.addresses[0] == make_address("93.184.1.1"));
  CHECK(parsed.ttl.count() == 60);
  CHECK(!parsed.edns);
  auto with_edns = good;
  with_edns[11] = 1;
  with_edns.insert(with_edns.end(), query.end() - 11, query.end());
  CHECK(parse_dns_reply(with_edns, query).edns);
  CHECK(parse_dns_reply(with_edns, query).addresses.size() == 2);

  CHECK(parse_dns_reply(reply_to(query, {}, 3), query).kind == DnsReply::Kind::no_such_name);
  CHECK(parse_dns_reply(reply_to(query, {}, 2), query).kind == DnsReply::Kind::failed);
  CHECK(parse_dns_reply(reply_to(query, {}), query).addresses.empty());
  auto cut = good;
  cut[2] |= 2;
  CHECK(parse_dns_reply(cut, query).kind == DnsReply::Kind::truncated);

  auto other_id = good;
  other_id[0] ^= 1;
  CHECK(parse_dns_reply(other_id, query).kind == DnsReply::Kind::not_ours);
  CHECK(parse_dns_reply(good, make_dns_query("www.example.org", RecordType::a, 0x1234)).kind ==
        DnsReply::Kind::not_ours);
  CHECK(parse_dns_reply(good, make_dns_query("www.example.com", RecordType::aaaa, 0x1234)).kind ==
        DnsReply::Kind::not_ours);
  CHECK(parse_dns_reply(query, query).kind == DnsReply::Kind::not_ours);  // an echo is no reply
  for (std::size_t n = 0; n < good.size(); ++n)
    CHECK(parse_dns_reply(std::span(good).first(n), query).kind != DnsReply::Kind::answer);

  const auto query6 = make_dns_query("www.example.com", RecordType::aaaa, 7);
  CHECK(parse_dns_reply(reply_to(query6, {"2a00:93::1"}), query6).addresses.at(0) ==
        make_address("2a00:93::1"));
  CHECK(make_dns_query(std::string(70, 'x') + ".com", RecordType::a, 1).empty());
}

TEST_CASE("answers that no public site can have are bogons") {
  const auto check = [](const char* host, std::vector<const char*> texts) {
    std::vector<boost::asio::ip::address> addresses;
    for (const auto* t : texts) addresses.push_back(make_address(t));
    return check_addresses(host, addresses);
  };
  CHECK(check("x.example", {"93.184.1.1"}) == Signal::none);
  for (const auto* bad : {"127.0.0.1", "0.0.0.0", "10.10.34.35", "192.168.1.1", "::", "::1", "fd00::1"})
    CHECK_MESSAGE(check("x.example", {"93.184.1.1", bad}) == Signal::dns_bogon, bad);
  CHECK(check("nas.local", {"192.168.1.1"}) == Signal::none);
  CHECK(check("x.example", {}) == Signal::none);

  const auto a = make_address("93.184.1.1"), b = make_address("93.184.1.2"), c = make_address("2a00::1");
  CHECK(contradicts({a}, {b}));
  CHECK(!contradicts({a, b}, {b}));
  CHECK(!contradicts({a}, {c}));

  SinkholeWatch sinkholes;
  CHECK(!sinkholes.shared("a.one.com", {a}));
  CHECK(!sinkholes.shared("b.one.com", {a}));
  CHECK(!sinkholes.shared("two.com", {a}));
  CHECK(sinkholes.shared("three.com", {a}));
  sinkholes.confirmed(a);
  CHECK(!sinkholes.shared("four.com", {a}));
}

TEST_CASE("resolv.conf and hosts are read as the system reads them") {
  const auto servers = parse_resolv_conf(
      "# c\nnameserver 9.9.9.9\n  nameserver\t2a00:80::53 # x\nsearch lan\nnameserver bad\n;nameserver "
      "8.8.8.8\n"
      "nameserver fe80::1%1\n");
  REQUIRE(servers.size() == 3);
  CHECK(servers[0].address() == make_address("9.9.9.9"));
  CHECK(servers[0].port() == 53);
  CHECK(servers[1].address() == make_address("2a00:80::53"));
  const auto hosts =
      parse_hosts("127.0.0.1 localhost\n93.184.1.1\tX.example  alias # no\n2a00::1 x.example\nbad y\n");
  CHECK(hosts.at("x.example").size() == 2);
  CHECK(hosts.contains("alias"));
  CHECK(!hosts.contains("no"));
  CHECK(!hosts.contains("y"));
}

TEST_CASE("the hosts file has the place that nsswitch.conf gives it") {
  CHECK(parse_hosts_order("") == HostsOrder::before_dns);
  CHECK(parse_hosts_order("passwd: files\nhosts: files mdns4_minimal [NOTFOUND=return] dns\n") ==
        HostsOrder::before_dns);
  CHECK(parse_hosts_order("hosts: dns files\n") == HostsOrder::after_dns);
  CHECK(parse_hosts_order("hosts: resolve [!UNAVAIL=return] files dns # files\n") == HostsOrder::after_dns);
  CHECK(parse_hosts_order("hosts: dns # files\n") == HostsOrder::unused);
}

TEST_CASE("search domains: the last line counts") {
  CHECK((parse_search_domains("nameserver 192.0.2.1\nsearch Corp.Example lan.\n") ==
         std::vector<std::string>{"corp.example", "lan"}));
  CHECK((parse_search_domains("search a.example\ndomain b.example # mine\n") ==
         std::vector<std::string>{"b.example"}));
  CHECK(parse_search_domains("searching a.example\nsearch\n").empty());
}

TEST_CASE("a fake of our own is no site's address") {
  CHECK((check_addresses("x.example", {make_address("198.18.3.4")}) == Signal::dns_bogon));
  CHECK((check_addresses("x.example", {make_address("2001:2::7")}) == Signal::dns_bogon));
}
