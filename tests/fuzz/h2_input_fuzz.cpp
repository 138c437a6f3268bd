// Arbitrary bytes into an HTTP/2 session of the tunnel, as the bridge and as the client. First byte: bit 0
// the role, bit 1 a valid opening first, bit 2 whether the streams are read, or that the client asks an edge
// (fronted); the others cut the input into pieces.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <cstdlib>
#include <string>

#include "tests/support/feeding.hpp"
#include "tests/support/h2_frames.hpp"
#include "tests/support/memory_stream.hpp"
#include "transports/core/relay.hpp"
#include "transports/tunnel/h2_session.hpp"

namespace {

using namespace surang;
using namespace surang::tunnel;

asio::awaitable<void> echo(std::unique_ptr<H2Stream> stream) {
  for (;;) {
    char buffer[512];
    const auto n = co_await stream->read_some(asio::buffer(buffer));
    if (!n || *n == 0) break;
    if (!co_await stream->write_all(asio::buffer(buffer, *n))) break;
  }
  (void)co_await stream->shutdown_write();
}

struct Observer final : H2Observer {
  Observer(asio::any_io_executor executor, bool r) : tasks(executor), reads(r) {}
  void on_request(H2Request request, std::unique_ptr<H2Stream> stream) override {
    if (request.authority.size() % 3 == 1) return stream->refuse(502, "surang; error=dns_error");
    stream->accept();
    if (reads)
      tasks.spawn(echo(std::move(stream)));
    else if (kept.size() < 100)
      kept.push_back(std::move(stream));
  }
  TaskGroup tasks;
  bool reads;
  std::vector<std::unique_ptr<H2Stream>> kept;
};

asio::awaitable<void> run(H2Session& session) {
  (void)co_await session.run();
}

asio::awaitable<void> hear(std::unique_ptr<H2Stream> stream) {
  const auto answer = co_await stream->answer();
  if (answer && answer->status < 200) std::abort();
  co_await echo(std::move(stream));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const bool server = data[0] & 1, opened = data[0] & 2, reads = data[0] & 4;
  const std::size_t piece = data[0] >> 3 ? std::size_t{1} << (data[0] >> 4) : SIZE_MAX / 2;
  std::string input;
  if (opened) {
    if (server) input += test::h2::kPreface;
    input += test::h2::frame(4, 0, 0, "");
  }
  input.append(reinterpret_cast<const char*>(data + 1), size - 1);

  asio::io_context io(1);
  {
    const auto executor = io.get_executor();
    auto [near, far] = test::memory_stream_pair(executor);
    H2Options options;
    options.server = server;
    options.max_streams = 50;
    options.max_header_bytes = 2000;
    options.floods = {.resets = 100, .pings = 100, .settings = 20, .empty_data = 100, .useless = 100};
    options.coalesce = {};
    options.plain_answers = !server && reads;
    Observer observer(executor, reads);
    H2Session session(std::move(near), options, &observer);
    TaskGroup tasks(executor);
    tasks.spawn(run(session));
    if (!server)
      for (int i = 0; i < 3; ++i)
        observer.tasks.spawn(reads ? hear(session.ask({"POST", "a.test", "/", {}}, i > 0))
                                   : echo(session.connect("a.test:1")));
    tasks.spawn(test::feed(*far, std::move(input), piece));
    tasks.spawn(test::discard(*far));
    while (tasks.size() > 1 && io.poll_one() > 0) {
    }
    observer.kept.clear();
    observer.tasks.cancel();
    tasks.cancel();
    while ((tasks.size() > 0 || observer.tasks.size() > 0) && io.run_one_for(std::chrono::seconds(1)) > 0) {
    }
    if (tasks.size() > 0 || observer.tasks.size() > 0) std::abort();  // something did not unwind
  }
  io.poll();
  return 0;
}
