// What tests of streams say to them and hear.
#pragma once

#include <doctest.h>
#include <sodium.h>

#include <string>

#include "transports/core/stream.hpp"
#include "transports/core/task_group.hpp"

namespace surang::test {

inline asio::awaitable<void> put(Stream& stream, std::string text) {
  const auto r = co_await stream.write_all(asio::buffer(text));
  CHECK_MESSAGE(!r.has_error(), r.error().message());
}

// What comes, by reads of `room`, until the end or an error, which is told after it.
inline asio::awaitable<std::string> read_to_end(Stream& stream, std::size_t room = 65536) {
  std::string all, part(room, '\0');
  for (;;) {
    const auto n = co_await stream.read_some(asio::buffer(part));
    if (!n)
      co_return all + "|" +
          (n.error() == Errc::truncated  ? "truncated"
           : n.error() == Errc::protocol ? "protocol"
                                         : n.error().message());
    if (*n == 0) co_return all;
    all.append(part, 0, *n);
  }
}

inline asio::awaitable<void> read_into(Stream& stream, std::size_t room, std::string& out) {
  out = co_await read_to_end(stream, room);
}

inline asio::awaitable<void> echo(Stream& stream) {
  std::string part(40000, '\0');
  for (;;) {
    const auto n = co_await stream.read_some(asio::buffer(part));
    if (!n || *n == 0) break;
    const auto written = co_await stream.write_all(asio::buffer(part.data(), *n));
    if (!written) break;
  }
  (void)co_await stream.shutdown_write();
}

inline std::string random_text(std::size_t size) {
  std::string out(size, '\0');
  randombytes_buf(out.data(), out.size());
  return out;
}

inline asio::awaitable<void> say(Stream& stream, std::string text, std::size_t piece) {
  for (std::size_t at = 0; at < text.size(); at += piece) co_await put(stream, text.substr(at, piece));
  const auto ended = co_await stream.shutdown_write();
  CHECK(!ended.has_error());
}

/// Megabytes each way at the same time, and both ends.
inline asio::awaitable<void> fill_both_ways(Stream& client, Stream& server) {
  TaskGroup tasks(client.executor());
  const auto up = random_text(3000000), down = random_text(4000000);
  std::string up_heard, down_heard;
  tasks.spawn(say(client, up, 100000));
  tasks.spawn(say(server, down, 65472));
  tasks.spawn(read_into(server, 65472, up_heard));
  tasks.spawn(read_into(client, 16384, down_heard));
  co_await tasks.join();
  CHECK((up_heard == up));
  CHECK((down_heard == down));
}

}  // namespace surang::test
