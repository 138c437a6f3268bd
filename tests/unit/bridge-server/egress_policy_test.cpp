#include "bridge-server/egress/egress_policy.hpp"

#include <doctest.h>

#include <string>

using namespace surang::bridge;
using boost::asio::ip::make_address;

TEST_CASE("a bridge dials the public Internet only") {
  const EgressPolicy policy({}, {make_address("93.184.216.34"), make_address("2a00:1450::1")});
  for (const auto* to : {"1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "198.20.0.1", "223.255.255.255",
                         "2606:4700:4700::1111", "2a00:1450::2", "2400::1"})
    CHECK_MESSAGE(policy.permits(make_address(to), 443), std::string(to));
  for (const auto* to : {"0.0.0.0",
                         "0.1.2.3",
                         "10.0.0.1",
                         "100.64.0.1",
                         "100.100.100.200",
                         "127.0.0.1",
                         "127.255.0.1",
                         "168.63.129.16",
                         "169.254.169.254",
                         "172.16.0.1",
                         "172.31.255.255",
                         "192.0.0.192",
                         "192.0.2.1",
                         "192.88.99.1",
                         "192.168.1.1",
                         "198.18.0.1",
                         "198.51.100.1",
                         "203.0.113.1",
                         "224.0.0.1",
                         "239.255.255.250",
                         "240.0.0.1",
                         "255.255.255.255",
                         "::",
                         "::1",
                         "::7f00:1",
                         "::ffff:127.0.0.1",
                         "::ffff:8.8.8.8",
                         "64:ff9b::808:808",
                         "64:ff9b:1::a00:1",
                         "100::1",
                         "2001::1",
                         "2001:2::1",
                         "2001:db8::1",
                         "2002:808:808::1",
                         "3fff::1",
                         "5f00::1",
                         "fc00::1",
                         "fd00:ec2::254",
                         "fe80::1",
                         "fec0::1",
                         "ff02::1",
                         "93.184.216.34",
                         "2a00:1450::1"})
    CHECK_MESSAGE(!policy.permits(make_address(to), 443), std::string(to));
  CHECK(!policy.permits(make_address("8.8.8.8"), 25));
  CHECK(!policy.permits(make_address("8.8.8.8"), 0));
}

TEST_CASE("ranges can be opened on purpose") {
  const EgressPolicy policy({"10.1.0.0/16", "::1", "127.0.0.1"}, {make_address("127.0.0.1")});
  CHECK(policy.permits(make_address("10.1.255.1"), 80));
  CHECK(policy.permits(make_address("::1"), 80));
  CHECK(policy.permits(make_address("127.0.0.1"), 80));
  CHECK(!policy.permits(make_address("10.2.0.1"), 80));
  CHECK(!policy.permits(make_address("127.0.0.2"), 80));
  CHECK(!policy.permits(make_address("::ffff:10.1.0.1"), 80));
  CHECK(!policy.permits(make_address("10.1.0.1"), 25));
}

TEST_CASE("what an allowed NAT64 leads to obeys the same rules") {
  const EgressPolicy policy({"64:ff9b::/96"}, {make_address("93.184.216.34")});
  CHECK(policy.permits(make_address("64:ff9b::808:808"), 443));
  CHECK(!policy.permits(make_address("64:ff9b::7f00:1"), 443));
  CHECK(!policy.permits(make_address("64:ff9b::a9fe:a9fe"), 443));
  CHECK(!policy.permits(make_address("64:ff9b::5db8:d822"), 443));  // our own
}

TEST_CASE("of a name's addresses the forbidden ones go") {
  const EgressPolicy policy({}, {});
  const auto left =
      policy.admit({make_address("10.0.0.1"), make_address("1.1.1.1"), make_address("::1")}, 443);
  CHECK((left == std::vector{make_address("1.1.1.1")}));
  CHECK(policy.admit({make_address("1.1.1.1")}, 25).empty());
}
