#include "tests/support/tunnel_rig.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>

#include "transports/core/buffer.hpp"

namespace surang::test {
namespace {

asio::awaitable<void> echo(StreamPtr stream) {
  std::array<std::uint8_t, 4096> buffer;
  for (;;) {
    const auto n = co_await stream->read_some(asio::buffer(buffer));
    if (!n) co_return stream->close(true);
    if (*n == 0) break;
    if (!co_await stream->write_all(asio::buffer(buffer.data(), *n))) co_return;
  }
  (void)co_await stream->shutdown_write();
}

asio::awaitable<void> source(StreamPtr stream, std::uint64_t bytes) {
  co_await send_pattern(*stream, bytes);
}

asio::awaitable<void> sink(StreamPtr stream) {
  const auto n = co_await check_pattern(*stream);
  const std::string verdict = n < 0 ? "bad" : "ok " + std::to_string(n);
  (void)co_await stream->write_all(asio::buffer(verdict));
  (void)co_await stream->shutdown_write();
}

asio::awaitable<void> reset(StreamPtr stream) {
  std::uint8_t byte;
  (void)co_await stream->read_some(asio::buffer(&byte, 1));
  stream->close(true);
}

asio::awaitable<void> stall(StreamPtr stream) {
  co_await sleep_for(std::chrono::hours(1));
  stream->close();
}

// Notes how many bytes the first write had, and swallows what is written while told to.
class WatchedStream final : public Stream {
 public:
  WatchedStream(StreamPtr inner, std::size_t& note, const bool& swallow)
      : inner_(std::move(inner)), note_(note), swallow_(swallow) {
    note_ = 0;
  }
  asio::any_io_executor executor() override { return inner_->executor(); }
  Result<std::size_t> try_read(asio::mutable_buffer into) override { return inner_->try_read(into); }
  asio::awaitable<Result<void>> wait_readable() override { return inner_->wait_readable(); }
  asio::awaitable<Result<void>> write_all(asio::const_buffer from) override {
    if (note_ == 0) note_ = from.size();
    return inner_->write_all(swallow_ ? asio::const_buffer() : from);
  }
  asio::awaitable<Result<void>> shutdown_write() override { return inner_->shutdown_write(); }
  void close(bool abort) noexcept override { inner_->close(abort); }

 private:
  StreamPtr inner_;
  std::size_t& note_;
  const bool& swallow_;
};

// A transport that stays the test's.
class Lent final : public TransportDialer {
 public:
  explicit Lent(TransportDialer& transport) : transport_(transport) {}
  std::string_view name() const noexcept override { return transport_.name(); }
  asio::awaitable<Result<Authenticated>> connect() override { return transport_.connect(); }

 private:
  TransportDialer& transport_;
};

}  // namespace

asio::awaitable<void> send_pattern(Stream& to, std::uint64_t bytes) {
  ScratchBuffer scratch;
  for (std::uint64_t at = 0; at < bytes;) {
    const auto n = std::min<std::uint64_t>(ScratchBuffer::kSize, bytes - at);
    for (std::size_t i = 0; i < n; ++i) scratch.data()[i] = pattern(at + i);
    if (!co_await to.write_all(asio::buffer(scratch.data(), n))) co_return;
    at += n;
  }
  (void)co_await to.shutdown_write();
}

asio::awaitable<std::int64_t> check_pattern(Stream& from) {
  ScratchBuffer scratch;
  std::uint64_t at = 0;
  for (;;) {
    const auto n = co_await from.read_some(scratch.all());
    if (!n) co_return -1;
    if (*n == 0) co_return static_cast<std::int64_t>(at);
    for (std::size_t i = 0; i < *n; ++i)
      if (scratch.data()[i] != pattern(at + i)) co_return -1;
    at += *n;
  }
}

ScriptedEgress::ScriptedEgress(asio::any_io_executor executor) : tasks(executor), executor_(executor) {}

asio::awaitable<Result<StreamPtr>> ScriptedEgress::dial(Endpoint to) {
  ++dials;
  const std::string& host = to.host();
  if (host == "refused.test") co_return error_code(asio::error::connection_refused);
  if (host == "nowhere.test") co_return make_error_code(Errc::name_not_found);
  if (host == "denied.test") co_return make_error_code(Errc::destination_denied);
  if (host == "late.test") co_return make_error_code(Errc::timed_out);
  if (host == "unreachable.test") co_return error_code(asio::error::host_unreachable);
  if (host == "slow.test") {
    struct Note {
      int& count;
      bool done = false;
      ~Note() { count += !done; }
    } note{dials_cancelled};
    co_await sleep_for(slow);
    note.done = true;
  }
  auto [near, far] = memory_stream_pair(executor_, chunk);
  if (host == "source.test")
    tasks.spawn(source(std::move(far), source_bytes));
  else if (host == "sink.test")
    tasks.spawn(sink(std::move(far)));
  else if (host == "reset.test")
    tasks.spawn(reset(std::move(far)));
  else if (host == "stall.test")
    tasks.spawn(stall(std::move(far)));
  else
    tasks.spawn(echo(std::move(far)));
  co_return std::move(near);
}

StreamPtr watched_stream(StreamPtr inner, std::size_t& first_write, bool& swallow) {
  return std::make_unique<WatchedStream>(std::move(inner), first_write, swallow);
}

Rig::Rig(asio::any_io_executor executor, RigOptions options)
    : egress(executor),
      bridge(executor),
      sessions(tunnel::make_h2_dialer(std::make_unique<Lent>(*this), user)),
      dialer(executor, *sessions, options.client),
      executor_(executor),
      options_(options) {
  egress.chunk = options.chunk;
}

asio::awaitable<Result<Authenticated>> Rig::connect() {
  ++connects;
  if (connect_takes.count() > 0) co_await sleep_for(connect_takes);
  if (fail_next > 0) {
    --fail_next;
    co_return error_code(asio::error::connection_refused);
  }
  Authenticated mine;
  mine.binding.fill(static_cast<std::uint8_t>(connects));
  auto [near, far] = memory_stream_pair(executor_, options_.chunk);
  mine.stream = watched_stream(std::move(near), first_write, swallow);
  if (black_hole)
    holes_.push_back(std::move(far));
  else
    bridge.spawn(serve(watched_stream(std::move(far), first_answer, swallow), mine.binding));
  co_return std::move(mine);
}

asio::awaitable<void> Rig::serve(StreamPtr stream, std::array<std::uint8_t, 32> binding) {
  Authenticated theirs;
  theirs.stream = std::move(stream);
  theirs.binding = binding;
  UserKey known = user;
  if (wrong_proof) known.secret[0] ^= 1;
  const auto result = co_await tunnel::serve(std::move(theirs), known, egress, options_.server, counters,
                                             user_bytes, drain, control, datagrams);
  ended.push_back(result ? error_code() : result.error());
}

void Rig::kill_bridge() {
  bridge.cancel();
}

asio::awaitable<void> Rig::close() {
  co_await dialer.close();
  bridge.cancel();
  co_await bridge.join();
  egress.tasks.cancel();
  co_await egress.tasks.join();
}

}  // namespace surang::test
