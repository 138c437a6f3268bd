// Whole short pages: which answers are ones, and when two are the same.
#include "client/detection/short_page.hpp"

#include <doctest.h>

using namespace surang::client;

namespace {

const std::string kHtml = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n";

PageFound found(const std::string& head, const std::string& body, bool ended = false,
                const std::string& host = "a.example", int status = 200) {
  return find_short_page(status, head, body, ended, host);
}

std::string length(const std::string& body) {
  return "Content-Length: " + std::to_string(body.size()) + "\r\n";
}

}  // namespace

TEST_CASE("a short page is taken when it is whole, however its end is told") {
  const std::string body = "<html><title>No</title>no</html>";
  const auto plain = found(kHtml + length(body), body);
  REQUIRE(plain.page);
  CHECK(plain.page->status == 200);
  CHECK(plain.page->title == "No");
  CHECK(plain.page->digest.size() == 64);
  CHECK(!found(kHtml + length(body), body.substr(1)).page);

  const auto open = found(kHtml, body);
  CHECK(!open.page);
  CHECK(open.open_ended);
  const auto ended = found(kHtml, body, true);
  REQUIRE(ended.page);
  CHECK(ended.page->digest == plain.page->digest);

  const std::string chunked =
      "10\r\n" + body.substr(0, 16) + "\r\n10\r\n" + body.substr(16) + "\r\n0\r\n\r\n";
  REQUIRE(body.size() == 32);
  const auto chunks = found(kHtml + "Transfer-Encoding: chunked\r\n", chunked);
  REQUIRE(chunks.page);
  CHECK(chunks.page->digest == plain.page->digest);
  for (std::size_t n = 0; n < chunked.size(); ++n)
    CHECK(!found(kHtml + "Transfer-Encoding: chunked\r\n", chunked.substr(0, n)).page);
}

TEST_CASE("what is long, empty, no page or of another status is not taken") {
  const std::string body = "<html>x</html>", much(kShortPage + 1, 'x');
  CHECK(!found(kHtml + length(much), much).page);
  CHECK(!found(kHtml, much, true).page);
  CHECK(!found(kHtml, much).open_ended);
  CHECK(!found(kHtml + length(""), "", true).page);
  CHECK(!found("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n" + length(body), body).page);
  CHECK(!found("HTTP/1.1 200 OK\r\n" + length(body), body).page);
  CHECK(!found(kHtml + length(body), body, false, "a.example", 404).page);
  CHECK(found(kHtml + length(body), body, false, "a.example", 403).page);
  CHECK(found(kHtml + length(body), body, false, "a.example", 451).page);
  for (const auto* wrong :
       {"zz\r\n", "-1\r\nx", "ffffffffffffffffff\r\n", "1000000\r\n", "\r\n\r\n", "0\r\n"})
    CHECK_MESSAGE(!found(kHtml + "Transfer-Encoding: chunked\r\n", wrong, true).page, wrong);
}

TEST_CASE("the asked host's name in it does not make two pages of one") {
  const auto page = [](const std::string& host) {
    const auto body = "<p>http://" + host + "/ is blocked, " + host + "!</p>";
    return *found(kHtml + length(body), body, false, host).page;
  };
  CHECK(page("a.example").digest == page("www.b.example").digest);
  const std::string upper = "<p>http://A.EXAMPLE/ is blocked, a.example!</p>";
  CHECK(found(kHtml + length(upper), upper).page->digest == page("b.example").digest);
}

TEST_CASE("two makings of one page are alike, two pages are not") {
  const auto page = [](const std::string& body, int status = 200) {
    return *found(kHtml + length(body), body, false, "a.example", status).page;
  };
  CHECK(alike(page("<p>1</p>"), page("<p>1</p>")));
  CHECK(!alike(page("<p>1</p>"), page("<p>2</p>")));
  CHECK(!alike(page("<p>1</p>"), page("<p>1</p>", 403)));
  CHECK(alike(page("<TITLE lang=en>News</TITLE>10:01"), page("<TITLE lang=en>News</TITLE>10:02")));
  CHECK(!alike(page("<title></title>10:01"), page("<title></title>10:02")));
  CHECK(!alike(page("<title>News"), page("<title>Blocked")));
}
