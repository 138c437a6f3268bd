#include "client/control/bridge_words.hpp"

#include <doctest.h>

using namespace surang::client;

namespace {

using Words = std::vector<std::string>;

const std::string kLine =
    "obfs4 192.0.2.1:443 cert=AAECAwQFBgcICQoLDA0ODxAREhMgISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw "
    "iat-mode=0";

}  // namespace

TEST_CASE("words are put together to the links and bridge lines that they were") {
  CHECK((bridge_texts({"surang://a", "surang://b"}) == Words{"surang://a", "surang://b"}));
  CHECK((bridge_texts({"nonsense", "surang://b"}) == Words{"nonsense", "surang://b"}));
  CHECK((bridge_texts({"obfs4", "1.2.3.4:5", "cert=x"}) == Words{"obfs4 1.2.3.4:5 cert=x"}));
  CHECK((bridge_texts({"Bridge", "obfs4", "1.2.3.4:5", "cert=x", "surang://a", "obfs4", "b"}) ==
         Words{"Bridge obfs4 1.2.3.4:5 cert=x", "surang://a", "obfs4 b"}));
  CHECK((bridge_texts({"obfs4 a b", "obfs4 c d"}) == Words{"obfs4 a b", "obfs4 c d"}));
  CHECK((bridge_texts({"Bridge obfs4 a", "Bridge", "obfs4", "b", "Bridge", "obfs4", "c"}) ==
         Words{"Bridge obfs4 a", "Bridge obfs4 b", "Bridge obfs4 c"}));
}

TEST_CASE("a bridge line is of use with what stands behind it") {
  std::string why;
  CHECK(parse_bridge_text(kLine, "", why).has_error());
  CHECK(why.find("Tor Browser") != why.npos);
  const auto told = parse_bridge_text(kLine, "socks5", why);
  REQUIRE(told.has_value());
  CHECK(told->transports.front().params.at("behind") == "socks5");
  const auto itself = parse_bridge_text(kLine + " behind=socks5", "", why);
  REQUIRE(itself.has_value());
  CHECK((*itself == *told));
  CHECK(parse_bridge_text("surang://x", "socks5", why).has_error());
  CHECK(why.find("--behind") != why.npos);
  CHECK(parse_bridge_text("surang://x", "", why).has_error());
  CHECK(why.find("link") != why.npos);
}
