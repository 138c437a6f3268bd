#include "client/capture/fake_addresses.hpp"

#include <doctest.h>

#include <set>

using namespace surang::client::capture;
using boost::asio::ip::make_address;

TEST_CASE("a name has one pair of addresses, and each tells the name") {
  FakeAddresses fakes(5);
  const auto a = fakes.of("a.example"), b = fakes.of("b.example");
  CHECK((a.v4 == make_address("198.18.0.5")));
  CHECK((a.v6 == make_address("2001:2::5")));
  CHECK((fakes.of("a.example").v4 == a.v4));
  CHECK((b.v4 != a.v4));
  CHECK((fakes.name_at(a.v4) == "a.example"));
  CHECK((fakes.name_at(a.v6) == "a.example"));
  CHECK((fakes.name_at(b.v6) == "b.example"));
}

TEST_CASE("what stands for nothing has no name") {
  FakeAddresses fakes(5);
  fakes.of("a.example");
  for (const auto* text : {"198.18.0.6", "198.17.255.255", "198.20.0.0", "2001:2::6", "2001:2::1:0:0:5",
                           "2001:3::5", "::5", "93.184.1.1"})
    CHECK_MESSAGE(!fakes.name_at(make_address(text)), text);
  for (const auto* text : {"198.18.0.0", "198.19.255.255", "2001:2::", "2001:2:0:ffff::1"})
    CHECK_MESSAGE(FakeAddresses::in_range(make_address(text)), text);
  for (const auto* text : {"198.17.255.255", "198.20.0.0", "2001:2:1::", "2001:1::", "127.0.0.1"})
    CHECK_MESSAGE(!FakeAddresses::in_range(make_address(text)), text);
}

TEST_CASE("the name that was longest without use is forgotten, and its address not given again soon") {
  FakeAddresses fakes(10, 3);
  const auto a = fakes.of("a.example");
  fakes.of("b.example");
  fakes.of("c.example");
  CHECK(fakes.name_at(a.v4));  // this is use
  const auto d = fakes.of("d.example");
  CHECK(fakes.size() == 3);
  CHECK((fakes.name_at(a.v4) == "a.example"));
  CHECK(!fakes.name_at(make_address("198.18.0.11")));
  CHECK((d.v4 == make_address("198.18.0.13")));
}

TEST_CASE("numbers go round, without the first and the last address of the range and those in use") {
  FakeAddresses fakes((1U << 17) - 2, 100);
  CHECK((fakes.of("last.example").v4 == make_address("198.19.255.254")));
  CHECK((fakes.of("first.example").v4 == make_address("198.18.0.1")));
  std::set<boost::asio::ip::address> given;
  FakeAddresses many(0, 200);
  for (int i = 0; i < 140000; ++i) {
    const auto name = std::to_string(i) + ".example";
    const auto pair = many.of(name);
    if (many.name_at(pair.v4) != name || !FakeAddresses::in_range(pair.v4)) FAIL(name);
    if (i >= 139900) given.insert(pair.v4);
  }
  CHECK(given.size() == 100);
  CHECK(many.size() == 200);
}
