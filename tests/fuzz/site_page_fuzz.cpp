// What the bridge makes of the page of a site that it was asked about. First byte: how the input is cut.
#include <boost/asio/io_context.hpp>
#include <cstdlib>

#include "bridge-server/egress/site_look.hpp"
#include "tests/support/memory_stream.hpp"
#include "transports/core/task_group.hpp"

using namespace surang;
using namespace surang::bridge;

namespace {

asio::awaitable<void> say(StreamPtr site, std::string text) {
  const auto said = co_await site->write_all(asio::buffer(text));
  if (said) (void)co_await site->shutdown_write();
  char block[1024];
  for (;;) {
    const auto n = co_await site->read_some(asio::buffer(block));
    if (!n || *n == 0) co_return;
  }
}

asio::awaitable<void> look(StreamPtr site, tunnel::ReachAnswer& into) {
  const Endpoint to("site.test", 80);
  into.http =
      co_await look_at_http(std::move(site), to, std::chrono::steady_clock::now() + std::chrono::seconds(5));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  std::string text(reinterpret_cast<const char*>(data + 1), size - 1);
  (void)location_host(text);
  (void)page_title(text);
  tunnel::ReachAnswer answer;
  answer.name = tunnel::ReachAnswer::Name::found;
  asio::io_context io(1);
  {
    auto [near, far] = test::memory_stream_pair(io.get_executor(), data[0] ? data[0] : SIZE_MAX);
    TaskGroup tasks(io.get_executor());
    tasks.spawn(say(std::move(far), std::move(text)));
    tasks.spawn(look(std::move(near), answer));
    while (tasks.size() > 0 && io.run_one_for(std::chrono::seconds(1)) > 0) {
    }
    if (tasks.size() > 0 || !answer.http) std::abort();  // something did not unwind
  }
  // Whatever a site says, the client can read what is told of it.
  const auto read = tunnel::parse_reach_answer(tunnel::to_text(answer));
  if (!read || read->http->title != answer.http->title) std::abort();
  io.poll();
  return 0;
}
