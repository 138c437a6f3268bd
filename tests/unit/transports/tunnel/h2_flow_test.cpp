// Two sessions, one at each end: windows, PINGs, a peer that is no more.
#include <doctest.h>

#include <deque>
#include <optional>

#include "tests/support/memory_stream.hpp"
#include "tests/support/run.hpp"
#include "transports/core/buffer.hpp"
#include "transports/core/task_group.hpp"
#include "transports/tunnel/h2_session.hpp"

using namespace surang;
using namespace surang::tunnel;
using namespace std::chrono_literals;

namespace {

// What enters one end leaves the other after `delay`, at any rate.
asio::awaitable<void> delay_line(Stream& from, Stream& to, std::chrono::milliseconds delay) {
  struct Piece {
    std::chrono::steady_clock::time_point due;
    std::string bytes;
  };
  std::deque<Piece> pieces;
  std::string buffer(256 * 1024, '\0');
  for (;;) {
    const auto n = from.try_read(asio::buffer(buffer));
    if (n && *n > 0) pieces.push_back({std::chrono::steady_clock::now() + delay, buffer.substr(0, *n)});
    if ((n && *n == 0) || (!n && n.error() != Errc::would_block)) co_return;
    while (!pieces.empty() && pieces.front().due <= std::chrono::steady_clock::now()) {
      if (!co_await to.write_all(asio::buffer(pieces.front().bytes))) co_return;
      pieces.pop_front();
    }
    co_await test::sleep_for(500us);
  }
}

struct Accepting : H2Observer {
  void on_request(H2Request, std::unique_ptr<H2Stream> stream) override {
    stream->accept();
    streams.push_back(std::move(stream));
  }
  std::vector<std::unique_ptr<H2Stream>> streams;
};

asio::awaitable<void> note_end(H2Session& session, std::optional<error_code>& end) {
  end = co_await session.run();
}

asio::awaitable<void> pour(Stream& to, const bool& stop) {
  ScratchBuffer scratch;
  std::fill_n(scratch.data(), ScratchBuffer::kSize, 0);
  while (!stop && co_await to.write_all(scratch.all())) {
  }
}

}  // namespace

TEST_CASE("windows grow with the bandwidth-delay product, only where a reader reads") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    const auto ex = io.get_executor();
    auto [a, a_line] = test::memory_stream_pair(ex, SIZE_MAX, 64 << 20);
    auto [b, b_line] = test::memory_stream_pair(ex, SIZE_MAX, 64 << 20);
    H2Options client_options, server_options;
    server_options.server = true;
    Accepting accepting;
    H2Session client(std::move(a), client_options, nullptr);
    H2Session server(std::move(b), server_options, &accepting);
    TaskGroup tasks(ex);
    std::optional<error_code> client_end, server_end;
    // So long a way that a window of 8 MiB asks little of the machine.
    tasks.spawn(delay_line(*a_line, *b_line, 200ms));
    tasks.spawn(delay_line(*b_line, *a_line, 200ms));
    tasks.spawn(note_end(client, client_end));
    tasks.spawn(note_end(server, server_end));
    auto fast = client.connect("a.test:1");
    auto stalled = client.connect("b.test:1");
    while (accepting.streams.size() < 2) co_await test::sleep_for(5ms);
    bool stop = false;
    TaskGroup pouring(ex);
    for (auto& stream : accepting.streams) pouring.spawn(pour(*stream, stop));
    std::uint64_t got = 0;
    ScratchBuffer scratch;
    const auto began = std::chrono::steady_clock::now();
    while (client.stream_window_of(*fast) < 8 << 20 && std::chrono::steady_clock::now() - began < 20s) {
      const auto n = co_await fast->read_some(scratch.all());
      REQUIRE(n.has_value());
      got += *n;
    }
    CHECK(client.stream_window_of(*fast) >= 8 << 20);
    CHECK(client.stream_window_of(*stalled) == 1 << 20);
    CHECK(client.rtt() >= 400ms);
    stop = true;
    pouring.cancel();
    co_await pouring.join();
    fast.reset();
    stalled.reset();
    accepting.streams.clear();
    tasks.cancel();
    co_await tasks.join();
  });
}

namespace {

// Takes writes only while it is told to; shows no sign of life of its own.
class Stuck final : public Stream {
 public:
  explicit Stuck(StreamPtr inner, bool& stuck) : inner_(std::move(inner)), stuck_(stuck) {}
  asio::any_io_executor executor() override { return inner_->executor(); }
  Result<std::size_t> try_read(asio::mutable_buffer into) override { return inner_->try_read(into); }
  asio::awaitable<Result<void>> wait_readable() override { return inner_->wait_readable(); }
  asio::awaitable<Result<void>> write_all(asio::const_buffer from) override {
    while (stuck_ && !closed_) co_await test::sleep_for(5ms);
    if (closed_) co_return make_error_code(Errc::closed);
    co_return co_await inner_->write_all(from);
  }
  asio::awaitable<Result<void>> shutdown_write() override { return inner_->shutdown_write(); }
  void close(bool abort) noexcept override {
    closed_ = true;
    inner_->close(abort);
  }

 private:
  StreamPtr inner_;
  bool& stuck_;
  bool closed_ = false;
};

}  // namespace

TEST_CASE("a peer that dies while a write is stuck is noticed, though it was heard just before") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    const auto ex = io.get_executor();
    auto [a, b] = test::memory_stream_pair(ex);
    bool stuck = false;
    H2Options options, server_options;
    options.dead_peer_limit = 2s;
    server_options.server = true;
    Accepting accepting;
    std::optional<error_code> client_end, server_end;
    TaskGroup tasks(ex), server_task(ex);
    H2Session client(std::make_unique<Stuck>(std::move(a), stuck), options, nullptr);
    H2Session server(std::move(b), server_options, &accepting);
    tasks.spawn(note_end(client, client_end));
    server_task.spawn(note_end(server, server_end));
    auto stream = client.connect("a.test:1");
    while (accepting.streams.empty()) co_await test::sleep_for(1ms);
    CHECK((co_await stream->write_all(asio::buffer("x", 1))).has_value());
    stuck = true;
    bool stop = false;
    TaskGroup pouring(ex);
    pouring.spawn(pour(*stream, stop));
    co_await test::sleep_for(50ms);
    // Heard once more, in the middle of the stuck write.
    CHECK((co_await accepting.streams[0]->write_all(asio::buffer("y", 1))).has_value());
    char byte;
    CHECK((co_await stream->read_some(asio::buffer(&byte, 1))).has_value());
    for (int i = 0; i < 2000 && !client_end; ++i) co_await test::sleep_for(10ms);
    REQUIRE(client_end);
    CHECK(*client_end == Errc::timed_out);
    pouring.cancel();
    co_await pouring.join();
    stream.reset();
    accepting.streams.clear();
    server_task.cancel();
    co_await server_task.join();
    co_await tasks.join();
  });
}

TEST_CASE("an open stream is kept alive by PING, and a silent peer is noticed") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    const auto ex = io.get_executor();
    auto [a, b] = test::memory_stream_pair(ex);
    H2Options options;
    options.keep_alive = 40ms;
    options.dead_peer_limit = 3s;
    H2Session client(std::move(a), options, nullptr);
    auto server_options = H2Options{};
    server_options.server = true;
    Accepting accepting;
    std::optional<error_code> client_end, server_end;
    TaskGroup tasks(ex), server_task(ex);
    H2Session server(std::move(b), server_options, &accepting);
    tasks.spawn(note_end(client, client_end));
    server_task.spawn(note_end(server, server_end));
    auto stream = client.connect("a.test:1");
    co_await test::sleep_for(900ms);
    CHECK_FALSE(client_end);
    CHECK(client.rtt().count() > 0);
    server.mute();  // from now on it reads and says nothing
    for (int i = 0; i < 2000 && !client_end; ++i) co_await test::sleep_for(10ms);
    REQUIRE(client_end);
    CHECK(*client_end == Errc::timed_out);
    char byte;
    CHECK((co_await stream->read_some(asio::buffer(&byte, 1))).error() == Errc::timed_out);
    stream.reset();
    accepting.streams.clear();
    server_task.cancel();
    co_await server_task.join();
    co_await tasks.join();
  });
}
