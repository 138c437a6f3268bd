// What the tests of the tunnel do with a Rig.
#pragma once

#include <doctest.h>

#include <functional>
#include <string>

#include "tests/support/run.hpp"
#include "tests/support/tunnel_rig.hpp"

namespace surang::tunnel_calls {

using namespace std::chrono_literals;
using test::Rig;
using test::RigOptions;

inline asio::awaitable<StreamPtr> must_dial(Rig& rig, std::string host) {
  auto stream = co_await rig.dialer.dial(Endpoint(host, 443));
  REQUIRE(stream.has_value());
  co_return std::move(*stream);
}

inline asio::awaitable<std::string> read_all(Stream& stream) {
  std::string text;
  char buffer[1000];
  for (;;) {
    const auto n = co_await stream.read_some(asio::buffer(buffer));
    if (!n) co_return text + "!" + n.error().message();
    if (*n == 0) co_return text;
    text.append(buffer, *n);
  }
}

inline asio::awaitable<error_code> first_error(Stream& stream) {
  char byte;
  const auto n = co_await stream.read_some(asio::buffer(&byte, 1));
  co_return n ? error_code() : n.error();
}

inline asio::awaitable<void> count_down(int& left, asio::awaitable<void> task) {
  co_await std::move(task);
  --left;
}

inline asio::awaitable<void> until(const std::function<bool()>& condition) {
  const auto limit = std::chrono::steady_clock::now() + 25s;
  while (!condition() && std::chrono::steady_clock::now() < limit) co_await test::sleep_for(1ms);
  CHECK(condition());
}

inline asio::awaitable<void> echo_once(Rig& rig, int number) {
  auto stream = co_await must_dial(rig, "echo.test");
  const std::string text = "stream number " + std::to_string(number);
  CHECK((co_await stream->write_all(asio::buffer(text))).has_value());
  CHECK((co_await stream->shutdown_write()).has_value());
  CHECK((co_await read_all(*stream)) == text);
}

inline asio::awaitable<void> drain_stream(Stream& stream, std::uint64_t& count) {
  std::vector<char> buffer(65536);
  for (;;) {
    const auto n = co_await stream.read_some(asio::buffer(buffer));
    if (!n || *n == 0) co_return;
    count += *n;
  }
}

}  // namespace surang::tunnel_calls
