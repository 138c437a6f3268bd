// What an edge, or whoever finds the origin, says in HTTP/1.1. The first byte cuts it into pieces.
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <string>

#include "tests/support/feeding.hpp"
#include "tests/support/memory_stream.hpp"
#include "transports/fronted/http1_server.hpp"
#include "transports/fronted/origin.hpp"

namespace {

using namespace surang;
using namespace surang::fronted;

class OneUser final : public UserDirectory {
 public:
  std::optional<UserKey> find(const UserId& id) const override {
    return id == UserId{} ? std::optional(UserKey{}) : std::nullopt;
  }
};

asio::awaitable<void> keep(StreamPtr stream, UserKey, SessionName, asio::ip::address) {
  char byte = 0;
  for (;;) {
    const auto n = co_await stream->read_some(asio::buffer(&byte, 1));
    if (!n || *n == 0) co_return;
  }
}

// Reads every body, whoever asks.
asio::awaitable<void> take(Exchange& exchange) {
  char part[100];
  for (;;) {
    const auto n = exchange.try_read_body(asio::buffer(part));
    if (!n && n.error() == Errc::would_block) {
      const auto more = co_await exchange.wait_body();
      if (!more) co_return;
      continue;
    }
    if (!n) co_return;
    if (*n == 0) break;
  }
  const Fields none;
  const auto begun = co_await exchange.answer(200, none, std::nullopt);
  if (!begun) co_return;
  const auto said = co_await exchange.write_body(asio::buffer("hello", 5));
  if (said) (void)co_await exchange.finish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const bool origin_deals = data[0] & 1;
  const std::size_t piece = data[0] >> 1 ? std::size_t{1} << (data[0] >> 4) : SIZE_MAX / 2;
  std::string input(reinterpret_cast<const char*>(data + 1), size - 1);
  asio::io_context io(1);
  {
    const auto executor = io.get_executor();
    auto [near, far] = test::memory_stream_pair(executor);
    const OneUser users;
    OriginCounters counters;
    Origin origin(executor, {}, users, {}, counters, keep);
    TaskGroup tasks(executor);
    tasks.spawn(serve_http1(std::move(near), {}, {}, [&](Exchange& exchange) {
      return origin_deals ? origin.serve(exchange) : take(exchange);
    }));
    tasks.spawn(test::feed(*far, std::move(input), piece));
    tasks.spawn(test::discard(*far));
    while (tasks.size() > 0 && io.poll_one() > 0) {
    }
    tasks.cancel();
    while (tasks.size() > 0 && io.run_one_for(std::chrono::seconds(1)) > 0) {
    }
    if (tasks.size() > 0) std::abort();  // something did not unwind
  }
  io.poll();
  return 0;
}
