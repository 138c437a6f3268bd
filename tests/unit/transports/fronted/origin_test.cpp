// The bridge's end of fronted: what requests make of a session, and what strangers see.
#include "tests/unit/transports/fronted/origin_rig.hpp"

#include <set>

using namespace surang;
using namespace surang::fronted;
using namespace surang::fronted::rig;
using namespace std::chrono_literals;
using Kind = Note::Kind;

namespace {

OriginLimits answers_of(std::uint64_t bytes) {
  OriginLimits limits;
  limits.answer_bytes = bytes;
  return limits;
}

asio::awaitable<std::string> read_until(Stream& from, std::string_view end) {
  std::string heard;
  while (heard.find(end) == heard.npos) {
    char byte = 0;
    const auto n = co_await from.read_some(asio::buffer(&byte, 1));
    REQUIRE((n.has_value() && *n == 1));
    heard += byte;
  }
  co_return heard;
}

}  // namespace

TEST_CASE("what is posted comes out of the session, and what it says is got, whole and byte by byte") {
  for (const std::size_t chunk : {SIZE_MAX, std::size_t{1}})
    test::run([chunk](asio::io_context& io) -> asio::awaitable<void> {
      Rig rig(io, answers_of(5), chunk);
      const auto session = Rig::name();
      const auto posted = co_await rig.post(session, Rig::note(Kind::up), "hello");
      CHECK(posted.status == 200);
      CHECK(Rig::received(session, posted) == 5);
      REQUIRE(rig.begun.size() == 1);
      CHECK(rig.begun[0].first == user().id);
      CHECK(rig.begun[0].second == session);
      const auto got = co_await rig.get(session, 0);
      CHECK(got.status == 200);
      CHECK(got.whole);
      CHECK(got.body == "hello");
      CHECK(got.text.find("Cache-Control: no-store") != got.text.npos);
      CHECK(got.text.find("X-Accel-Buffering: no") != got.text.npos);
      CHECK(rig.origin.sessions() == 1);
    });
}

TEST_CASE("a post that comes twice, late or cut neither doubles nor loses a byte") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Rig rig(io, answers_of(10));
    const auto session = Rig::name();
    auto answer = co_await rig.post(session, Rig::note(Kind::up, 0), "abc");
    CHECK(Rig::received(session, answer) == 3);
    answer = co_await rig.post(session, Rig::note(Kind::up, 6), "ghij");
    CHECK(Rig::received(session, answer) == 3);
    answer = co_await rig.post(session, Rig::note(Kind::up, 0), "abc");
    CHECK(Rig::received(session, answer) == 3);
    {
      const auto edge = rig.connect();
      auto text = Rig::request("POST", Rig::target(session, Rig::note(Kind::up, 3)), "def");
      text.pop_back();
      co_await test::put(*edge, text);
      co_await test::sleep_for(2ms);
      edge->close(true);
      co_await test::sleep_for(2ms);
    }
    answer = co_await rig.post(session, Rig::note(Kind::up, 3), "");
    CHECK(Rig::received(session, answer) == 5);
    answer = co_await rig.post(session, Rig::note(Kind::up, 5), "f");
    CHECK(Rig::received(session, answer) == 10);
    const auto got = co_await rig.get(session, 0);
    CHECK(got.body == "abcdefghij");
  });
}

TEST_CASE("an answer that was cut goes on where it broke, and an end is told once all has come") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Rig rig(io, answers_of(4));
    const auto session = Rig::name();
    const auto posted = co_await rig.post(session, Rig::note(Kind::up_last), "0123456789");
    CHECK(Rig::received(session, posted) == 10);
    std::string heard;
    for (std::uint64_t from : {0, 4, 4, 8}) {
      const auto got = co_await rig.get(session, from);
      CHECK(got.status == 200);
      heard += got.body + ',';
    }
    CHECK(heard == "0123,4567,4567,89,");
    // What was acknowledged is not there any more.
    auto gone = co_await rig.get(session, 3);
    CHECK(gone.status == 404);
    for (int i = 0; i < 2; ++i) {
      const auto end = co_await rig.get(session, 10);
      CHECK(end.status == 204);
      CHECK(end.body.empty());
    }
    // Whoever has not heard that all was taken says it again.
    const auto again = co_await rig.post(session, Rig::note(Kind::up_last, 0, 10), "0123456789");
    CHECK(Rig::received(session, again) == 10);
    CHECK(rig.origin.sessions() == 1);
    (void)co_await rig.post(session, Rig::note(Kind::abandon), "");
    co_await test::sleep_for(2ms);
    CHECK(rig.origin.sessions() == 0);
    gone = co_await rig.get(session, 10);
    CHECK(gone.status == 404);
  });
}

TEST_CASE("one exchange may carry both directions at once, also where it was asked for first") {
  for (const bool asks : {false, true})
    test::run([asks](asio::io_context& io) -> asio::awaitable<void> {
      Rig rig(io, answers_of(6));
      const auto session = Rig::name();
      const auto edge = rig.connect();
      auto text = Rig::request("POST", Rig::target(session, Rig::note(Kind::both)), "abcdef");
      if (asks) text.insert(text.find("Host:"), "Expect: 100-continue\r\n");
      text.resize(text.size() - 3);
      co_await test::put(*edge, text);
      auto head = co_await read_until(*edge, "abc");
      if (asks) {
        const std::string_view first = "HTTP/1.1 100 Continue\r\n\r\n";
        CHECK(head.starts_with(first));
        head.erase(0, first.size());
      }
      co_await test::put(*edge, "def");
      const auto rest = co_await test::read_to_end(*edge);
      const auto answer = Rig::parse(head + rest);
      CHECK(answer.status == 200);
      CHECK(answer.whole);
      CHECK(answer.body == "abcdef");
    });
}

TEST_CASE("an exchange for both directions is told of the end, and takes its body") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Rig rig(io);
    const auto session = Rig::name();
    (void)co_await rig.post(session, Rig::note(Kind::up_last), "abc");
    const auto said = co_await rig.get(session, 0);
    CHECK(said.body == "abc");
    for (int i = 0; i < 2; ++i) {
      const auto told = co_await rig.post(session, Rig::note(Kind::both, 0, 3), "abc");
      CHECK(told.status == 204);
      CHECK(told.body.empty());
    }
    CHECK(rig.origin.sessions() == 1);
  });
}

TEST_CASE("an answer that ends before its time is seen to, though the body beside it is still open") {
  for (const bool newer : {false, true})
    test::run([newer](asio::io_context& io) -> asio::awaitable<void> {
      Rig rig(io);
      const auto session = Rig::name();
      const auto edge = rig.connect(), other = rig.connect();
      auto text = Rig::request("POST", Rig::target(session, Rig::note(Kind::both)), "abcdef");
      text.resize(text.size() - 3);
      co_await test::put(*edge, text);
      auto heard = co_await read_until(*edge, "abc");
      const auto get = Rig::request("GET", Rig::target(session, Rig::note(Kind::down, 0, 3)));
      const auto leave = Rig::request("POST", Rig::target(session, Rig::note(Kind::abandon)));
      co_await test::put(*other, newer ? get : leave);
      const auto rest = co_await test::read_to_end(*edge);
      heard += rest;
      CHECK_FALSE(Rig::parse(heard).whole);
      CHECK(rig.origin.sessions() == (newer ? 1 : 0));
      rig.tasks.cancel();
      co_await rig.tasks.join();
    });
}

TEST_CASE("the newest answer carries, since an edge may have dropped the one before in silence") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Rig rig(io, answers_of(5));
    const auto session = Rig::name();
    (void)co_await rig.post(session, Rig::note(Kind::up), "");
    const auto first = rig.connect();
    const auto text = Rig::request("GET", Rig::target(session, Rig::note(Kind::down)));
    co_await test::put(*first, text);
    co_await test::sleep_for(2ms);
    const auto second = rig.connect();
    co_await test::put(*second, text);
    const auto cut = co_await test::read_to_end(*first);
    CHECK_FALSE(Rig::parse(cut).whole);
    (void)co_await rig.post(session, Rig::note(Kind::up), "hello");
    const auto heard = co_await test::read_to_end(*second);
    CHECK(Rig::parse(heard).body == "hello");
  });
}

TEST_CASE("strangers, copies and what is over see one and the same page") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    OriginLimits limits;
    limits.sessions_per_user = 2;
    Rig rig(io, limits);
    const auto session = Rig::name();
    const auto begin = Rig::request("POST", Rig::target(session, Rig::note(Kind::up)), "hello");
    auto answer = co_await rig.ask(begin);
    CHECK(answer.status == 200);
    (void)co_await rig.post(session, Rig::note(Kind::abandon), "");
    co_await test::sleep_for(2ms);
    CHECK(rig.origin.sessions() == 0);

    auto late = Rig::note(Kind::up);
    late.time -= 3600;
    auto other = user(9);
    auto unknown = draw_session_name(other.id, kBridge);
    auto claimed = user(9);
    claimed.id = user().id;
    auto placed = Rig::target(Rig::name(), Rig::note(Kind::up));
    placed[1] = placed[1] == 'a' ? 'b' : 'a';
    auto changed = Rig::target(Rig::name(), Rig::note(Kind::up));
    changed[changed.size() - 9] = changed[changed.size() - 9] == 'A' ? 'B' : 'A';
    auto swapped = Rig::name();
    std::set<std::string> seen;
    for (const auto& text :
         {begin, Rig::request("GET", "/"), Rig::request("GET", "/favicon.ico"), Rig::request("PUT", "/"),
          Rig::request("POST", placed), Rig::request("POST", changed),
          Rig::request("POST", Rig::target(Rig::name(), late)),
          Rig::request("POST", Rig::target(unknown, Rig::note(Kind::up), 20, other)),
          Rig::request("POST", Rig::target(swapped, Rig::note(Kind::up), 20, claimed)),
          Rig::request("POST", Rig::target(Rig::name(), Rig::note(Kind::up, 1))),
          Rig::request("POST", Rig::target(Rig::name(), Rig::note(Kind::abandon))),
          Rig::request("POST", Rig::target(Rig::name(), Rig::note(Kind::received))),
          Rig::request("POST", Rig::target(Rig::name(), Rig::note(Kind::down))),
          Rig::request("GET", Rig::target(Rig::name(), Rig::note(Kind::up))),
          Rig::request("GET", Rig::target(Rig::name(), Rig::note(Kind::down, 0, 7)))}) {
      answer = co_await rig.ask(text);
      CHECK_MESSAGE(answer.status == 404, text);
      seen.insert(answer.text);
    }
    CHECK(seen.size() == 1);
    CHECK(rig.origin.sessions() == 0);
    CHECK(rig.begun.size() == 1);

    for (int i = 0; i < 3; ++i) {
      answer = co_await rig.post(Rig::name(), Rig::note(Kind::up), "");
      CHECK(answer.status == (i < 2 ? 200 : 404));
    }
    CHECK(rig.counters.limited == 1);
    seen.insert(answer.text);
    rig.users.removed = true;
    answer = co_await rig.post(rig.begun.back().second, Rig::note(Kind::up), "");
    CHECK(answer.status == 404);
    seen.insert(answer.text);
    CHECK(seen.size() == 1);
  });
}

TEST_CASE("a session that nobody asks for ends, and so does one that has failed") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    OriginLimits limits;
    limits.abandoned = 1s;
    Rig rig(io, limits);
    (void)co_await rig.post(Rig::name(), Rig::note(Kind::up), "");
    const auto broken = Rig::name();
    (void)co_await rig.post(broken, Rig::note(Kind::up_last), "abc");
    CHECK(rig.origin.sessions() == 2);
    auto answer = co_await rig.post(broken, Rig::note(Kind::up, 3), "more");
    CHECK(answer.status == 0);
    co_await test::sleep_for(2ms);
    CHECK(rig.origin.sessions() == 1);
    co_await test::sleep_for(1200ms);
    CHECK(rig.origin.sessions() == 0);
  });
}

TEST_CASE("a session is told where it came from, and who asks for it is known for a user") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Rig rig(io);
    auto text = Rig::request("POST", Rig::target(Rig::name(), Rig::note(Kind::up)), "hello");
    text.insert(text.find("Content-Length"), "X-Forwarded-For: 192.0.2.7\r\n");
    const auto posted = co_await rig.ask(text);
    CHECK(posted.status == 200);
    CHECK(rig.begun_from == std::vector<std::string>{"192.0.2.7"});
    CHECK(rig.known == 1);
    std::string stranger = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.8, 192.0.2.9\r\n";
    stranger += "x-forwarded-for:198.51.100.1\r\nConnection: close\r\n\r\n";
    const auto page = co_await rig.ask(stranger);
    CHECK(page.status == 404);
    CHECK(rig.known == 1);
    CHECK(rig.forwarded.back() == "192.0.2.8, 192.0.2.9,198.51.100.1");
  });
}

TEST_CASE("a bridge that drains keeps its sessions and sends away whatever else is asked") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Rig rig(io, answers_of(5));
    const auto session = Rig::name();
    const auto posted = co_await rig.post(session, Rig::note(Kind::up), "hello");
    CHECK(posted.status == 200);
    rig.origin.drain();
    const auto got = co_await rig.get(session, 0);
    CHECK(got.status == 200);
    CHECK(got.body == "hello");
    const auto other = co_await rig.post(Rig::name(), Rig::note(Kind::up), "hello");
    CHECK(other.status == 503);
    CHECK(rig.begun.size() == 1);
    const auto page = co_await rig.ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    CHECK(page.status == 503);
    CHECK(page.body.find("503 Service Temporarily Unavailable") != page.body.npos);
    rig.origin.stop();
    const auto over = co_await rig.get(session, 5);
    CHECK(over.status == 503);
  });
}

TEST_CASE("HTTP as edges speak it: one after the other, in chunks, 1.0, asked first, and as nobody does") {
  for (const std::size_t chunk : {SIZE_MAX, std::size_t{1}})
    test::run([chunk](asio::io_context& io) -> asio::awaitable<void> {
      Rig rig(io, answers_of(3), chunk);
      const auto session = Rig::name();
      // Two in one piece, the first without an end to the connection, in chunks, and asked for first.
      const auto edge = rig.connect();
      const std::string chunked = "POST " + Rig::target(session, Rig::note(Kind::up)) +
                                  " HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                                  "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n2;x=y\r\nbc\r\n0\r\n\r\n";
      co_await test::put(*edge, chunked + Rig::request("POST", "/", "unread"));
      const auto both = co_await test::read_to_end(*edge);
      CHECK(both.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"));
      CHECK(both.find("HTTP/1.1 404 Not Found\r\n") != both.npos);
      // No chunks for 1.0: its answer ends with the connection.
      const auto old = co_await rig.ask("GET " + Rig::target(session, Rig::note(Kind::down)) +
                                        " HTTP/1.0\r\nHost: a\r\n\r\n");
      CHECK(old.status == 200);
      CHECK(old.text.ends_with("\r\n\r\nabc"));
      CHECK(old.text.find("chunked") == old.text.npos);
      const auto told = co_await rig.ask("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
      CHECK(told.status == 404);
      CHECK(told.text.ends_with("\r\n\r\n"));
      for (const std::string& garbage : {std::string("\x16\x03\x01\x02"), std::string("GET\r\n\r\n"),
                                         std::string("GET / HTTP/9.9\r\n\r\n"),
                                         "GET / HTTP/1.1\r\nA: " + std::string(20000, 'a') + "\r\n\r\n",
                                         std::string("POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n")}) {
        const auto answer = co_await rig.ask(garbage + std::string(60, '\n'));
        CHECK_MESSAGE(answer.status == 400, garbage.substr(0, 40));
      }
    });
}
