// Known block pages: by place, phrase and header, and not where a page merely quotes them.
#include "client/detection/block_pages.hpp"

#include <doctest.h>

#include <chrono>

using namespace surang;
using namespace surang::client;

namespace {

const std::string kHead = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n";

BlockPages pages(std::vector<config::BlockPageMark> marks) {
  return BlockPages(config::BlockPageList{std::move(marks)});
}

using Kind = config::BlockPageMark::Kind;

}  // namespace

TEST_CASE("marks are found at any place of a text, whatever the case of their letters") {
  TextMarks marks;
  marks.add("Surf Safely!");
  marks.add("Surf slowly");
  marks.add("abc");  // too short to be looked for
  CHECK(marks.find("surf safely!") == "Surf Safely!");
  CHECK(marks.find("<b>SURF SLOWLY</b>") == "Surf slowly");
  CHECK(marks.find("xx Surf Safely").empty());
  CHECK(marks.find("abc").empty());
  CHECK(marks.find("").empty());
  CHECK(marks.find("Surf slowly, Surf Safely!", [](std::size_t at, std::size_t) { return at > 0; }) ==
        "Surf Safely!");
}

TEST_CASE("what stands in the shipped list is known") {
  const BlockPages known(config::shipped_block_pages());
  CHECK(known.knows_place("http://www.airtel.in/dot/?dpid=1"));
  CHECK(known.knows_place("http://10.10.34.34?type=Invalid"));
  CHECK(known.knows_place("https://BLOCKED.mts.ru/?host=x.example"));
  CHECK(known.knows_page(kHead, "<html><title>Surf Safely!</title>"));
  CHECK(known.knows_page(kHead, "<iframe src=\"http://10.10.34.36/\">"));
  CHECK(known.knows_page(kHead,
                         "<script>window.location.replace(\"http://internetpositif.uzone.id/\")</script>"));
  CHECK(known.knows_page("HTTP/1.1 403 Forbidden\r\nserver: protected by wirefilter 9000\r\n", ""));
  for (const auto& mark : config::shipped_block_pages().marks) {
    INFO(mark.text);
    if (mark.kind == Kind::place) CHECK(known.knows_place("http://" + mark.text));
    if (mark.kind == Kind::phrase) CHECK(known.knows_page(kHead, "<p>" + mark.text + "</p>"));
    if (mark.kind == Kind::header) CHECK(known.knows_page("HTTP/1.1 200 OK\r\n" + mark.text + "\r\n", ""));
  }
}

TEST_CASE("what only quotes a mark is no block page") {
  const BlockPages known(config::shipped_block_pages());
  CHECK(!known.knows_page(kHead, "<p>an article on 10.10.34.34</p>"));
  CHECK(!known.knows_page(kHead, std::string(5000, 'x').append("Surf Safely!")));
  CHECK(!known.knows_page(kHead + "Content-Length: 90000\r\n", "<title>Surf Safely! A report</title>"));
  CHECK(!known.knows_place("/login?next=http://10.10.34.34/"));
  CHECK(!known.knows_place("http://110.10.34.34/"));
  CHECK(!known.knows_place("http://10.10.34.345/"));
  CHECK(!known.knows_place("http://myblock.rt.ru/"));
  CHECK(!known.knows_place(""));
  CHECK(!known.knows_page("HTTP/1.1 200 OK\r\nX-Server: Protected by WireFilter\r\n", ""));
  for (const auto* ordinary :
       {"<html><head><title>Welcome to nginx!</title></head><body>It works</body></html>",
        "<html><head><meta http-equiv=\"refresh\" content=\"0; url=https://www.example.org/\"></head></html>",
        "<html><body><h1>403 Forbidden</h1><hr>nginx</body></html>", "<script>location='/home'</script>"})
    CHECK_MESSAGE(!known.knows_page(kHead, ordinary), ordinary);
}

TEST_CASE("a person's own marks") {
  const auto known = pages({{Kind::place, "notice.isp.example/stop"},
                            {Kind::phrase, "Zugang gesperrt"},
                            {Kind::header, "X-Filter: on"}});
  CHECK(known.knows_place("http://notice.isp.example/stop?u=1"));
  CHECK(!known.knows_place("http://notice.isp.example/start"));
  CHECK(known.knows_page(kHead, "<h1>zugang GESPERRT</h1>"));
  CHECK(known.knows_page("HTTP/1.1 200 OK\r\nx-filter:  ON, really\r\n", ""));
  CHECK(!pages({}).knows_page(kHead, "<h1>Zugang gesperrt</h1>"));
}

TEST_CASE("an answer is held against the list in no time") {
  const BlockPages known(config::shipped_block_pages());
  std::string body = "<html><meta http-equiv='content-type'>";
  while (body.size() < 4096) body += "the blocked access of http://www.block.example/ page ";
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) CHECK(!known.knows_page(kHead, body));
  const auto took = std::chrono::steady_clock::now() - begun;
  CHECK(took < std::chrono::milliseconds(500));  // 5 ms each, without optimisation and on a busy machine
}
