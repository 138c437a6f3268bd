#include "transports/core/alarm.hpp"

#include <doctest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <optional>
#include <string>

using namespace surang;
using namespace std::chrono_literals;
namespace asio = boost::asio;

TEST_CASE("alarms ring in order, once, and not when they were taken back") {
  asio::io_context io;
  std::string rung;
  const auto begun = std::chrono::steady_clock::now();
  Alarm a(io.get_executor()), b(io.get_executor()), c(io.get_executor()), d(io.get_executor());
  auto e = std::make_unique<Alarm>(io.get_executor());
  a.set(500ms, [&] { rung += 'a'; });
  b.set(10ms, [&] {
    rung += 'b';
    c.cancel();
    d.set(5ms, [&] { rung += 'd'; });
  });
  c.set(20ms, [&] { rung += 'c'; });
  d.set(1h, [&] { rung += '!'; });
  e->set(12ms, [&] {
    rung += 'e';
    e.reset();
  });
  CHECK(c.is_set());
  io.run();
  CHECK(rung == "beda");
  CHECK(std::chrono::steady_clock::now() - begun >= 500ms);
  CHECK(!a.is_set());
}

TEST_CASE("an alarm that was taken back keeps nothing running, from wherever that was done") {
  asio::io_context io;
  Alarm a(io.get_executor()), b(io.get_executor()), c(io.get_executor());
  auto d = std::make_unique<Alarm>(io.get_executor());
  a.set(1h, [] {});
  Alarm(io.get_executor()).set(1h, [] {});
  a.cancel();
  io.run();

  io.restart();
  int rung = 0;
  const auto now = std::chrono::steady_clock::now();
  a.set(now + 1ms, [&] {
    ++rung;
    c.set(1h, [] {});
    c.cancel();
    d.reset();
  });
  b.set(now + 2ms, [&] { ++rung; });
  d->set(now + 3ms, [&] { ++rung; });
  while (std::chrono::steady_clock::now() < now + 5ms) continue;  // so that all are due at once
  io.run();
  CHECK(rung == 2);
}

TEST_CASE("alarms end with their context, and none is set after it") {
  std::optional<asio::io_context> io(std::in_place);
  Alarm left(io->get_executor()), late(io->get_executor());
  left.set(1h, [] {});
  struct SetsAtEnd {
    Alarm& alarm;
    explicit SetsAtEnd(Alarm& a) : alarm(a) {}
    ~SetsAtEnd() {
      alarm.set(1ms, [] {});
    }
  };
  asio::post(*io, [at_end = std::make_shared<SetsAtEnd>(late)] {});
  io.reset();
  CHECK(!left.is_set());
  CHECK(!late.is_set());
}
