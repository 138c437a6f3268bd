// A front as links write it.
#include "transports/fronted/front.hpp"

#include <doctest.h>

#include "transports/fronted/fronted_dialer.hpp"

using namespace surang;
using namespace surang::fronted;

namespace {

using Params = std::map<std::string, std::string>;

TransportSpec spec_with(Params params, std::uint16_t port = 443) {
  TransportSpec spec;
  spec.name = "fronted";
  spec.port = port;
  spec.params = std::move(params);
  return spec;
}

Front read(const Params& params, std::uint16_t port = 443) {
  std::string why;
  const auto front = read_front(spec_with(params, port), why);
  REQUIRE_MESSAGE(front.has_value(), why);
  return *front;
}

std::string refused(const Params& params, std::uint16_t port = 443) {
  std::string why;
  CHECK(read_front(spec_with(params, port), why).has_error());
  return why;
}

}  // namespace

TEST_CASE("what a front leaves out follows from its host") {
  const auto plain = read({{"host", "CDN.example."}});
  CHECK(plain.host == "cdn.example");
  CHECK(plain.sni == "cdn.example");
  CHECK(plain.verified == "cdn.example");
  CHECK(plain.addresses == std::vector<std::string>{"cdn.example"});
  CHECK(plain.prefix.empty());
  CHECK(plain.authority() == "cdn.example");
}

TEST_CASE("shown, verified, dialled and asked for are names of their own") {
  const auto other = read({{"host", "bridge.example"}, {"sni", "front.example"}});
  CHECK(other.sni == "front.example");
  CHECK(other.verified == "front.example");
  CHECK(other.addresses == std::vector<std::string>{"front.example"});
  CHECK(other.authority() == "bridge.example");

  const auto silent = read({{"host", "bridge.example"}, {"sni", "none"}});
  CHECK(silent.sni.empty());
  CHECK(silent.verified == "bridge.example");

  const auto all = read({{"host", "bridge.example"},
                         {"sni", "front.example"},
                         {"verify", "edge.example"},
                         {"at", "192.0.2.1,[2001:DB8::1],away.example"},
                         {"path", "/media/v2"}},
                        8443);
  CHECK(all.verified == "edge.example");
  CHECK(all.addresses == std::vector<std::string>{"192.0.2.1", "2001:db8::1", "away.example"});
  CHECK(all.prefix == "/media/v2");
  CHECK(all.authority() == "bridge.example:8443");
}

TEST_CASE("an edge that is an address shows no name") {
  const auto v6 = read({{"host", "2001:db8::1"}});
  CHECK(v6.sni.empty());
  CHECK(v6.verified == "2001:db8::1");
  CHECK(v6.authority() == "[2001:db8::1]");
  CHECK(read({{"host", "192.0.2.1"}}, 8443).authority() == "192.0.2.1:8443");
}

TEST_CASE("a front is written as short as it goes, and read again") {
  for (const Params& params : std::vector<Params>{
           {{"host", "cdn.example"}},
           {{"host", "cdn.example"}, {"sni", "none"}},
           {{"host", "cdn.example"}, {"sni", "front.example"}},
           {{"host", "cdn.example"}, {"sni", "none"}, {"verify", "front.example"}},
           {{"at", "192.0.2.1,192.0.2.2"}, {"host", "cdn.example"}, {"path", "/a"}},
           {{"host", "192.0.2.1"}, {"sni", "front.example"}, {"verify", "192.0.2.1"}},
       }) {
    const auto spec = spec_with(params, 8443);
    CHECK(to_spec(read(params, 8443)) == spec);
  }
  CHECK(to_spec(read({{"host", "cdn.example"},
                      {"sni", "cdn.example"},
                      {"verify", "cdn.example"},
                      {"at", "cdn.example"}})) == spec_with({{"host", "cdn.example"}}));
}

TEST_CASE("what a front says wrong is named") {
  const auto has = [](const std::string& text, std::string_view part) {
    CHECK_MESSAGE(text.find(part) != text.npos, text);
  };
  has(refused({}), "needs host=");
  has(refused({{"host", "cdn.example"}}, 0), "port");
  has(refused({{"host", "no host"}}), "host=no host");
  has(refused({{"host", "cdn.example"}, {"sni", "192.0.2.1"}}), "sni=192.0.2.1");
  has(refused({{"host", "cdn.example"}, {"verify", "a b"}}), "verify=a b");
  has(refused({{"host", "cdn.example"}, {"at", "192.0.2.1,,b.example"}}), "at= has ''");
  std::string many = "192.0.2.1";
  for (int i = 0; i < 16; ++i) many += ",192.0.2.1";
  has(refused({{"host", "cdn.example"}, {"at", many}}), "too many");
  for (const auto* path : {"media", "/media/", "/", "//media", "/me dia", "/m%41", "/a?b"})
    has(refused({{"host", "cdn.example"}, {"path", path}}), "path=");
}

TEST_CASE("the JA4 of a front is told before anything is sent, and shows whether a name is") {
  BridgeIdentity bridge;
  std::string why;
  const auto named = fronted::hello_ja4(spec_with({{"host", "cdn.example"}}), bridge, why);
  REQUIRE_MESSAGE(named.has_value(), why);
  CHECK_MESSAGE(named->starts_with("t13d"), *named);
  const auto silent = fronted::hello_ja4(spec_with({{"host", "cdn.example"}, {"sni", "none"}}), bridge, why);
  REQUIRE_MESSAGE(silent.has_value(), why);
  CHECK_MESSAGE(silent->starts_with("t13i"), *silent);
  CHECK(fronted::hello_ja4(spec_with({}), bridge, why).error() == Errc::bad_input);
}
