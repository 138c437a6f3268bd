#include "config/bridge_line.hpp"

#include <doctest.h>

using namespace surang;
using namespace surang::config;

namespace {

const std::string kCert = "AAECAwQFBgcICQoLDA0ODxAREhMgISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw";
const std::string kPrint = "0123456789abcdefABCDEF0123456789ABCDEF01";
const std::string kLine = "obfs4 192.0.2.1:443 " + kPrint + " cert=" + kCert + " iat-mode=1";

ShareLink parsed(const std::string& text) {
  std::string why;
  const auto link = parse_bridge_line(text, why);
  REQUIRE_MESSAGE(link.has_value(), why);
  return *link;
}

std::string line_refusal(const std::string& text) {
  std::string why;
  CHECK_MESSAGE(parse_bridge_line(text, why).has_error(), text);
  CHECK(why.find(kCert.substr(4, 12)) == why.npos);
  return why;
}

bool names(const std::string& text, std::string_view part) {
  const auto why = line_refusal(text);
  const bool found = why.find(part) != why.npos;
  if (!found) MESSAGE(why);
  return found;
}

}  // namespace

TEST_CASE("a bridge line is read as Tor writes it, and written again") {
  const auto link = parsed(kLine);
  CHECK(link.foreign);
  CHECK((link.bridge.hosts == std::vector<std::string>{"192.0.2.1"}));
  REQUIRE(link.transports.size() == 1);
  const auto& spec = link.transports[0];
  CHECK(spec.name == "obfs4");
  CHECK(spec.port == 443);
  CHECK(spec.params.at("cert") == kCert);
  CHECK(spec.params.at("iat-mode") == "1");
  CHECK((link.bridge.user == UserKey()));
  CHECK(format_bridge_line(link) == kLine);
  for (const auto& same :
       {"Bridge " + kLine, "bridge  " + kLine, "  " + kLine + " \n", "\tBRIDGE\t" + kLine + "\r\n"})
    CHECK((parsed(same) == link));
}

TEST_CASE("IPv6, no fingerprint, names and what a newer version added") {
  const auto six = parsed("obfs4 [2001:db8::1]:9443 cert=" + kCert);
  CHECK((six.bridge.hosts == std::vector<std::string>{"2001:db8::1"}));
  CHECK(format_bridge_line(six) == "obfs4 [2001:db8::1]:9443 cert=" + kCert);
  CHECK(parsed("obfs4 bridge.example:1 cert=" + kCert).bridge.hosts.front() == "bridge.example");
  const auto more = parsed(kLine + " new=a=b,c\"\\ behind=socks5");
  CHECK(more.transports[0].params.at("new") == "a=b,c\"\\");
  CHECK(format_bridge_line(more) == kLine + " behind=socks5 new=a=b,c\"\\");
  CHECK((parsed(format_bridge_line(more)) == more));
}

TEST_CASE("a bad bridge line is refused by the name of its bad part") {
  CHECK(names("", "no transport"));
  CHECK(names("Bridge", "no transport"));
  CHECK(names("Bridge 192.0.2.1:443 " + kPrint, "no transport"));
  CHECK(names("snowflake 192.0.2.3:80 " + kPrint, "'snowflake'"));
  CHECK(names("Bridge webtunnel [2001:db8::1]:443 url=x", "'webtunnel'"));
  for (const std::string at : {"", "192.0.2.1", "192.0.2.1:0", "192.0.2.1:70000", "192.0.2.1:x",
                               "2001:db8::1:443", "[2001:db8::1]", "cert=x", "a b:1"})
    CHECK(names("obfs4 " + at, "address"));
  for (const auto& print :
       {kPrint.substr(1), kPrint + "0", "g" + kPrint.substr(1), std::string("<FINGERPRINT>")})
    CHECK(names("obfs4 192.0.2.1:443 " + print + " cert=" + kCert, "40 hex digits"));
  const std::string begin = "obfs4 192.0.2.1:443 ";
  CHECK(names(begin + kPrint, "'cert=' is missing"));
  for (const auto& cert : {std::string(), kCert.substr(1), kCert + "A", "-" + kCert.substr(1)})
    CHECK(names(begin + "cert=" + cert, "70 characters"));
  CHECK(names(begin + "cert=" + kCert + " cert=" + kCert, "'cert' is given twice"));
  CHECK(names(begin + "cert=" + kCert + " x=1 x=1", "given twice"));
  for (const std::string iat : {"", "3", "-1", "00", "x"})
    CHECK(names(begin + "cert=" + kCert + " iat-mode=" + iat, "'iat-mode='"));
  for (const std::string behind : {"", "http", "SOCKS5"})
    CHECK(names(begin + "cert=" + kCert + " behind=" + behind, "'behind='"));
  CHECK(names(begin + "cert=" + kCert + " =x", "name=value"));
  CHECK(names(begin + "cert=" + kCert + " word", "name=value"));
  CHECK(names(begin + "cert=" + kCert + " a=\x01", "name=value"));
  CHECK(names(begin + "cert=" + kCert + " a=" + std::string(3000, 'x'), "longer than"));
}

TEST_CASE("what stands behind a bridge must be said") {
  std::string why;
  CHECK_FALSE(usable_bridge_line(parsed(kLine), why));
  CHECK(why.find("Tor Browser") != why.npos);
  CHECK(why.find("--behind socks5") != why.npos);
  CHECK(usable_bridge_line(parsed(kLine + " behind=socks5"), why));
}

TEST_CASE("bridge lines are told from links") {
  for (const auto& text : {kLine, "Bridge " + kLine, std::string(" bridge x"), std::string("obfs4")})
    CHECK(is_bridge_line(text));
  for (const std::string text : {"", "surang://x", "obfs4proxy", "bridges", "192.0.2.1:443"})
    CHECK_FALSE(is_bridge_line(text));
}
