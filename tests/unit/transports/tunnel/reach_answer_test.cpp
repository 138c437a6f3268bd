// What a bridge says of a destination: its one text, and how it is read.
#include "transports/tunnel/reach_answer.hpp"

#include <doctest.h>

using namespace surang;
using namespace surang::tunnel;
using boost::asio::ip::make_address;

namespace {

ReachAnswer shown() {
  ReachAnswer a;
  a.name = ReachAnswer::Name::found;
  a.addresses = {make_address("93.184.1.10"), make_address("2a00:93::10")};
  a.attempts = {{make_address("2a00:93::10"), Reached::unreachable, 0},
                {make_address("93.184.1.10"), Reached::done, 12}};
  return a;
}

const std::string kStart = R"({"name":"found","addresses":["93.184.1.10","2a00:93::10"],"attempts":[)"
                           R"({"address":"2a00:93::10","result":"unreachable","ms":0},)"
                           R"({"address":"93.184.1.10","result":"done","ms":12}],)";

bool refused(std::string_view text) {
  const auto read = parse_reach_answer(text);
  return !read && read.error() == Errc::protocol;
}

}  // namespace

TEST_CASE("answers are written as PROTOCOL.md shows, and read back") {
  auto site = shown();
  site.tls.emplace();
  site.tls->result = Reached::done;
  site.tls->verified = true;
  site.tls->leaf.fill(0x1f);
  site.tls->key.fill(0xe0);
  std::string leaf, key;
  for (int i = 0; i < 32; ++i) leaf += "1f", key += "e0";
  CHECK(to_text(site) == kStart + R"("tls":{"result":"done","verified":true,"leaf":")" + leaf +
                             R"(","key":")" + key + R"("}})");
  CHECK(parse_reach_answer(to_text(site)).value() == site);
  CHECK(site.works());
  CHECK(site.connected()->ms == 12);

  auto page = shown();
  page.http.emplace();
  page.http->result = Reached::done;
  page.http->status = 302;
  page.http->location = "www.example.org";
  page.http->length = 0;
  page.http->title = "Moved \"there\"";
  page.http->head.fill(0xab);
  CHECK(parse_reach_answer(to_text(page)).value() == page);
  CHECK(page.works());

  ReachAnswer nothing;
  nothing.name = ReachAnswer::Name::not_found;
  CHECK(to_text(nothing) == R"({"name":"not_found","addresses":[],"attempts":[]})");
  CHECK(parse_reach_answer(to_text(nothing)).value() == nothing);
  CHECK_FALSE(nothing.works());
  CHECK(nothing.connected() == nullptr);
}

TEST_CASE("a certificate that did not verify, and a handshake that showed none") {
  auto site = shown();
  site.tls.emplace();
  site.tls->result = Reached::done;
  site.tls->problem = "self-signed certificate";
  site.tls->leaf.fill(1);
  CHECK(parse_reach_answer(to_text(site)).value() == site);
  site.tls = ReachAnswer::Tls{};
  site.tls->result = Reached::closed;
  const auto text = to_text(site);
  CHECK(text == kStart + R"("tls":{"result":"closed"}})");
  CHECK(parse_reach_answer(text).value() == site);
  CHECK_FALSE(site.works());
  // Who says that it verified must show what.
  CHECK_FALSE(
      parse_reach_answer(R"({"name":"found","tls":{"result":"done","verified":true}})")->tls->verified);
}

TEST_CASE("what a later version may say is passed over") {
  const auto read = parse_reach_answer(
      R"({"new":[1],"name":"elsewhere","attempts":[{"address":"1.2.3.4","result":"odd","ms":99999999}]})");
  REQUIRE(read.has_value());
  CHECK(read->name == ReachAnswer::Name::failed);
  CHECK(read->attempts.front().result == Reached::failed);
  CHECK(read->attempts.front().ms == 60'000);
}

TEST_CASE("what is no answer is refused") {
  for (const std::string_view text :
       {"",
        "[]",
        "{}",
        "null",
        R"({"name":1})",
        R"({"name":"found")",
        R"({"name":"found"}x)",
        R"({"name":"found","addresses":{}})",
        R"({"name":"found","addresses":["x.example"]})",
        R"({"name":"found","addresses":[1]})",
        R"({"name":"found","addresses":["fe80::1%eth0"]})",
        R"({"name":"found","attempts":["1.2.3.4"]})",
        R"({"name":"found","attempts":[{"address":"1.2.3.4","ms":-1}]})",
        R"({"name":"found","tls":[]})",
        R"({"name":"found","tls":{"result":"done","leaf":"00"}})",
        R"({"name":"found","tls":{"verified":"yes"}})",
        R"({"name":"found","http":{"result":"done"}})",
        R"({"name":"found","http":{"result":"done","status":99}})",
        R"({"name":"found","http":{"result":"done","status":302,"location":"a b"}})",
        R"({"name":"found","http":{"status":200,"length":-5}})",
        "{\"name\":\"\xff\"}"})
    CHECK_MESSAGE(refused(text), text);
  std::string many = R"({"name":"found","addresses":["1.1.1.1")";
  for (int i = 0; i < 15; ++i) many += R"(,"1.1.1.1")";
  CHECK(parse_reach_answer(many + "]}")->addresses.size() == kMostReachAddresses);
  CHECK(refused(many + R"(,"1.1.1.1"]})"));
  CHECK(refused(R"({"name":"found","x":")" + std::string(kMostReachText, 'x') + "\"}"));
  CHECK(refused(R"({"name":"found","x":)" + std::string(100, '[') + std::string(100, ']') + "}"));
}

TEST_CASE("text for a terminal is one line without controls, cut by characters") {
  CHECK(clean_text("  Example\r\n\t Domain  ") == "Example Domain");
  CHECK(clean_text("a\x1b[31mred\x7f") == "a [31mred");
  CHECK(clean_text("csi \xc2\x9b"
                   "31m") == "csi 31m");
  CHECK(clean_text("\xe2\x80\xaetxt.exe") == "txt.exe");  // right-to-left override
  CHECK(clean_text("\xd8\xb3\xd8\xb1\xd9\x86\xda\xaf") == "\xd8\xb3\xd8\xb1\xd9\x86\xda\xaf");
  CHECK(clean_text("a\xff\xfe"
                   "b \xc0\xaf \xed\xa0\x80 \xf4\x90\x80\x80 c") == "a b c");
  CHECK(clean_text("\xe2\x82") == "");
  CHECK(clean_text("\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", 2) == "\xe2\x82\xac\xe2\x82\xac");
  CHECK(clean_text("ab cd", 3) == "ab");
  CHECK(clean_text(std::string(500, 'x')).size() == kMostReachTitle);
}
