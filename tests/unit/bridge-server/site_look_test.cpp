// What is made of a stranger's page.
#include "bridge-server/egress/site_look.hpp"

#include <doctest.h>

#include <boost/asio/use_awaitable.hpp>

#include "tests/support/memory_stream.hpp"
#include "tests/support/run.hpp"
#include "transports/core/task_group.hpp"

using namespace surang;
using namespace surang::bridge;
using namespace std::chrono_literals;
using tunnel::ReachAnswer;
using tunnel::Reached;

namespace {

asio::awaitable<void> site_says(StreamPtr site, std::string text, bool then_ends, std::string& asked) {
  std::array<char, 1024> block;
  const auto n = co_await site->read_some(asio::buffer(block));
  if (n) asked.assign(block.data(), *n);
  const auto said = co_await site->write_all(asio::buffer(text));
  if (!said) co_return;
  if (then_ends)
    (void)co_await site->shutdown_write();
  else
    co_await test::sleep_for(1h);
}

struct Look {
  ReachAnswer::Http seen;
  std::string asked;
};

Look look(std::string text, bool then_ends = true, std::size_t chunk = SIZE_MAX, std::uint16_t port = 80) {
  Look out;
  test::run([&](asio::io_context& io) -> asio::awaitable<void> {
    TaskGroup tasks(io.get_executor());
    auto [near, far] = test::memory_stream_pair(io.get_executor(), chunk);
    tasks.spawn(site_says(std::move(far), text, then_ends, out.asked));
    const Endpoint to("site.test", port);
    out.seen = co_await look_at_http(std::move(near), to, std::chrono::steady_clock::now() + 400ms);
    tasks.cancel();
    co_await tasks.join();
  });
  return out;
}

}  // namespace

TEST_CASE("the place of a redirect is its host") {
  CHECK(location_host("https://www.Example.org/a?b") == "www.example.org");
  CHECK(location_host("HTTP://user@example.org:8080#x") == "example.org");
  CHECK(location_host("//example.org") == "example.org");
  CHECK(location_host("http://[2001:db8::1]:80/") == "2001:db8::1");
  for (const std::string_view none : {"", "/", "/a//b", "a b", "ftp://example.org/", "http://", "http://a b/",
                                      "javascript://example.org", "https:/example.org", "http://999/"})
    CHECK_MESSAGE(location_host(none).empty(), none);
}

TEST_CASE("the title is the text of the first title element, cleaned") {
  CHECK(page_title("<html><TITLE lang=en>\n  Not  allowed\t</Title>") == "Not allowed");
  CHECK(page_title("<title>cut off") == "cut off");
  CHECK(page_title("<title>\x1b]0;x\x07</title>") == "]0;x");
  for (const std::string_view none : {"", "<title", "<p>title</p>", "<title></title>", "</title>"})
    CHECK_MESSAGE(page_title(none).empty(), none);
}

TEST_CASE("a page is told in a few words, in any pieces") {
  for (const std::size_t chunk : {std::size_t{1}, SIZE_MAX}) {
    const auto plain =
        look("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 21\r\n\r\n<title>Hello</title>x",
             false, chunk);
    CHECK(plain.seen.result == Reached::done);
    CHECK(plain.seen.status == 200);
    CHECK(plain.seen.length == 21);
    CHECK(plain.seen.title == "Hello");
    const std::string asked = "GET / HTTP/1.1\r\nHost: site.test\r\n";
    CHECK(plain.asked.substr(0, asked.size()) == asked.substr(0, plain.asked.size()));
    // The same in chunks: one page, one digest.
    const auto chunked = look(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
        "chunked\r\n\r\n7\r\n<title>\r\ne\r\nHello</title>x\r\n0\r\n\r\n",
        false, chunk);
    CHECK(chunked.seen.title == "Hello");
    CHECK_FALSE(chunked.seen.length);
    CHECK(chunked.seen.head == plain.seen.head);
    const auto moved = look(
        "HTTP/1.1 302 Found\r\nLocation: https://www.site.test/\r\nContent-Length: 0\r\n\r\n", false, chunk);
    CHECK(moved.seen.status == 302);
    CHECK(moved.seen.location == "www.site.test");
  }
  CHECK(look("HTTP/1.1 200 OK\r\n\r\n", true, SIZE_MAX, 8080).asked.find("Host: site.test:8080\r\n") !=
        std::string::npos);
}

TEST_CASE("a long page is looked at in its beginning, a slow one as far as it came") {
  const std::string head = "HTTP/1.0 200 OK\r\n\r\n";
  const auto longer = look(head + std::string(4096, 'a') + std::string(200'000, 'b'));
  const auto other = look(head + std::string(4096, 'a') + "c");
  CHECK(longer.seen.status == 200);
  CHECK(longer.seen.head == other.seen.head);
  const auto slow = look(head + "<title>so far", false);
  CHECK(slow.seen.result == Reached::done);
  CHECK(slow.seen.title == "so far");
}

TEST_CASE("what is no page") {
  CHECK(look("SSH-2.0-OpenSSH_9.2\r\n").seen.result == Reached::failed);
  CHECK(look("").seen.result == Reached::closed);
  CHECK(look("HTTP/1.1 200", true).seen.result == Reached::closed);
  CHECK(look("", false).seen.result == Reached::timed_out);
  CHECK(look("HTTP/1.1 200 OK\r\n" + std::string(20'000, 'x') + ": y\r\n\r\n").seen.result ==
        Reached::failed);
  for (const auto* status : {"000", "099", "99999", "2x0", ""}) {
    const auto odd = look("HTTP/1.1 " + std::string(status) + " OK\r\n\r\n");
    CHECK_MESSAGE(odd.seen.status == 0, status);
    CHECK_MESSAGE(odd.seen.result == Reached::failed, status);
  }
}
