// Services and the hosts that they are made of.
#include "client/detection/service_groups.hpp"

#include <doctest.h>

using namespace surang;
using namespace surang::client;

TEST_CASE("hosts of the shipped services are told from others") {
  const ServiceGroups services(config::shipped_services());
  CHECK(services.group_of("x.com") == "X");
  CHECK(services.group_of("abs.twimg.com") == "X");
  CHECK(services.group_of("t.co") == "X");
  CHECK(services.group_of("static.xx.fbcdn.net") == "Meta");
  CHECK(services.group_of("web.whatsapp.com") == "Meta");
  CHECK(services.group_of("149.154.167.51") == "Telegram");
  CHECK(services.group_of("2001:67c:4e8::1") == "Telegram");
  CHECK(services.group_of("t.me") == "Telegram");
  CHECK(services.group_of("ur.m.wikipedia.org") == "Wikipedia");
  CHECK(services.group_of("upload.wikimedia.org") == "Wikipedia");
  CHECK(services.group_of("rr3---sn-2uja.googlevideo.com") == "YouTube");
  for (const auto* other : {"google.com", "www.google.com", "xx.com", "netflix.com", "microsoft.co",
                            "93.184.1.1", "notyoutube.com", "lh3.googleusercontent.com", ""})
    CHECK_MESSAGE(!services.group_of(other), other);
}

TEST_CASE("a service knows its patterns, and two hosts whether they are one's") {
  const ServiceGroups services(
      {{"One", {"one.example", "=cdn.example"}}, {"Two", {"*.two.example", "192.0.2.0/24"}}});
  CHECK(services.patterns("One") == std::vector<std::string>{"one.example", "=cdn.example"});
  CHECK(services.patterns("Three").empty());
  CHECK(services.group_of("cdn.example") == "One");
  CHECK(!services.group_of("a.cdn.example"));
  CHECK(!services.group_of("two.example"));
  CHECK(services.same_group("a.one.example", "cdn.example"));
  CHECK(services.same_group("a.two.example", "192.0.2.9"));
  CHECK(!services.same_group("one.example", "a.two.example"));
  CHECK(!services.same_group("other.example", "other.example"));
  CHECK(!ServiceGroups().group_of("x.com"));
}
