#include "config/share_link.hpp"

#include <doctest.h>

#include <algorithm>
#include <numeric>

using namespace surang;
using config::ShareLink;

namespace {

ShareLink sample() {
  ShareLink link;
  std::iota(link.bridge.user.id.bytes.begin(), link.bridge.user.id.bytes.end(), std::uint8_t{1});
  std::iota(link.bridge.user.secret.begin(), link.bridge.user.secret.end(), std::uint8_t{0x20});
  std::iota(link.bridge.public_key.begin(), link.bridge.public_key.end(), std::uint8_t{0x80});
  link.bridge.hosts = {"192.0.2.10", "2001:db8::10", "bridge.example.net"};
  TransportSpec https;
  https.name = "https";
  https.params["sni"] = "www.example.org";
  link.transports = {https};
  link.name = "Aunt's bridge";
  return link;
}

// The vector of PROTOCOL.md.
constexpr auto kVector =
    "surang://"
    "AQIDBAUGBwggISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0-Pw@192.0.2.10,[2001:db8::10],bridge.example.net/"
    "?k=gIGCg4SFhoeIiYqLjI2Oj5CRkpOUlZaXmJmam5ydnp8&t=https:443:sni=www.example.org#Aunt%27s%20bridge";

std::string refusal(std::string text) {
  std::string why;
  const auto link = config::parse_share_link(text, why);
  CHECK(link.has_error());
  CHECK(why.find("ICEiIyQl") == why.npos);  // the secret
  return why;
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  return text.replace(text.find(what), what.size(), with);
}

}  // namespace

TEST_CASE("a link is written and read back") {
  CHECK(config::format_share_link(sample()) == kVector);
  std::string why;
  const auto link = config::parse_share_link(std::string("  ") + kVector + "\n", why);
  REQUIRE(link.has_value());
  CHECK((*link == sample()));
  CHECK(config::format_share_link(*link).size() <= 600);
}

TEST_CASE("what a newer version added is kept") {
  std::string why;
  const auto text = replaced(kVector, "&t=", "&zz=a%26b&t=quic:8443:x=1&t=");
  const auto link = config::parse_share_link(text, why);
  REQUIRE(link.has_value());
  CHECK(link->unknown == std::vector<std::pair<std::string, std::string>>{{"zz", "a&b"}});
  REQUIRE(link->transports.size() == 2);
  CHECK(link->transports[0].name == "quic");
  CHECK(link->transports[0].port == 8443);
  CHECK((config::parse_share_link(config::format_share_link(*link), why).value() == *link));
}

TEST_CASE("a port after the host holds for transports that name none") {
  std::string why;
  const auto link = config::parse_share_link(
      replaced(replaced(kVector, "bridge.example.net/", "bridge.example.net:8443/"), "https:443", "https"),
      why);
  REQUIRE(link.has_value());
  CHECK(link->transports[0].port == 8443);
}

TEST_CASE("a bad link is refused by the name of its bad part") {
  CHECK(refusal("").find("surang://") != std::string::npos);
  CHECK(refusal("https://example.org").find("surang://") != std::string::npos);
  CHECK(refusal(replaced(kVector, "AQID", "AQI")).find("before '@'") != std::string::npos);
  CHECK(refusal(replaced(kVector, "AQID", "A!ID")).find("before '@'") != std::string::npos);
  CHECK(refusal(replaced(kVector, "AQID", "AQI\xc4")).find("before '@'") != std::string::npos);
  CHECK(refusal(replaced(kVector, "192.0.2.10", "192.0.2.300")).find("'192.0.2.300'") != std::string::npos);
  CHECK(refusal(replaced(kVector, "k=gIGC", "k=gIG")).find("'k'") != std::string::npos);
  CHECK(refusal(replaced(kVector, "k=gIGC", "q=gIGC")).find("'k'") != std::string::npos);
  CHECK(refusal(replaced(kVector, "&t=https:443:sni=www.example.org", "")).find("transport") !=
        std::string::npos);
  CHECK(refusal(replaced(kVector, "https:443", "https:77777")).find("port") != std::string::npos);
  CHECK(refusal(replaced(kVector, "sni=", "sni")).find("'https'") != std::string::npos);
  CHECK(refusal(replaced(kVector, "Aunt%27", "Aunt%2")).find("#") != std::string::npos);
  CHECK(refusal(replaced(kVector, "Aunt%27", "Aunt%1B")).find("#") != std::string::npos);
  CHECK(refusal(replaced(kVector, "sni=www", "sni=w\nw")).find("control character") != std::string::npos);
  CHECK(refusal(replaced(kVector, "/?k", "/path?k")).find("'/'") != std::string::npos);
  CHECK(refusal(std::string(kVector) + std::string(9000, 'a')).find("longer") != std::string::npos);
}

TEST_CASE("a link that could not be read again once written is refused") {
  std::string why;
  const std::string link =
      "surang://AQIDBAUGBwggISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0-Pw@192.0.2.1/"
      "?k=gIGCg4SFhoeIiYqLjI2Oj5CRkpOUlZaXmJmam5ydnp8&t=https:443:sni=a.example";
  REQUIRE(config::parse_share_link(link + "&note=" + std::string(100, '"'), why).has_value());
  const auto refused = config::parse_share_link(link + "&note=" + std::string(4000, '"'), why);
  CHECK(!refused);
  CHECK(why.find("written with escapes") != std::string::npos);
}

TEST_CASE("every cut of a link is refused or still a link") {
  const std::string whole = kVector;
  for (std::size_t n = 0; n < whole.size(); ++n) {
    std::string why;
    const auto link = config::parse_share_link(whole.substr(0, n), why);
    CHECK((link.has_value() || !why.empty()));
  }
}
