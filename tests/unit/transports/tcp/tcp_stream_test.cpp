// tcp_stream, tcp_info, congestion.
#include <doctest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/error.hpp>
#include <optional>
#include <string>

#include "tests/support/run.hpp"
#include "tests/unit/transports/tcp/loopback.hpp"
#include "transports/core/task_group.hpp"
#include "transports/core/timeout.hpp"
#include "transports/tcp/congestion.hpp"
#include "transports/tcp/tcp_info.hpp"

using namespace surang;
using namespace std::chrono_literals;

namespace {

asio::awaitable<void> put_text(Stream& to, std::string text) {
  CHECK((co_await to.write_all(asio::buffer(text))).has_value());
}

asio::awaitable<void> note_error_of_wait(Stream& stream, error_code& error) {
  error = (co_await stream.wait_readable()).error();
}

asio::awaitable<void> note_error_of_big_write(Stream& stream, error_code& error) {
  const std::vector<char> big(64 << 20);
  error = (co_await stream.write_all(asio::buffer(big))).error();
}

}  // namespace

TEST_CASE("a TCP stream carries bytes, the end of a direction, and a reset") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    auto [a, b] = test::tcp_pair(io);
    char buffer[16];
    CHECK(b->try_read(asio::buffer(buffer)).error() == Errc::would_block);
    co_await put_text(*a, "hello");
    CHECK((co_await b->read_some(asio::buffer(buffer))).value() == 5);
    CHECK((co_await a->shutdown_write()).has_value());
    CHECK((co_await b->read_some(asio::buffer(buffer))).value() == 0);
    co_await put_text(*b, "still here");
    CHECK((co_await a->read_exactly(asio::buffer(buffer, 10))).has_value());
    b->close(true);
    CHECK((co_await a->read_some(asio::buffer(buffer))).error() == asio::error::connection_reset);
    CHECK(b->native_socket() == -1);
    CHECK(b->try_read(asio::buffer(buffer)).error() == Errc::closed);
    CHECK((co_await b->write_all(asio::buffer(buffer))).error() == Errc::closed);
    CHECK((co_await b->wait_readable()).error() == Errc::closed);
  });
}

namespace {

std::string congestion_control(int socket) {
  char name[32] = {};
  socklen_t size = sizeof name - 1;
  CHECK(getsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, name, &size) == 0);
  return name;
}

asio::awaitable<void> read_for(Stream& stream, std::chrono::milliseconds limit, error_code& error) {
  std::array<char, 16> block;
  error = (co_await stream.read_some_for(asio::buffer(block), limit)).error();
}

asio::awaitable<void> write_noting(Stream& stream, const std::string& text,
                                   std::optional<Result<void>>& result) {
  result = co_await stream.write_all(asio::buffer(text));
}

}  // namespace

TEST_CASE("a bounded read ends with bytes, the end, its limit, when closed, or when cancelled") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    auto [a, b] = test::tcp_pair(io);
    std::array<char, 16> block;
    const auto into = asio::buffer(block);
    CHECK((co_await b->read_some_for(into, 1ms)).error() == Errc::timed_out);
    co_await put_text(*a, "x");
    CHECK((co_await b->read_some_for(into, 10s)).value() == 1);
    CHECK((co_await b->read_some_for(into, 1ms)).error() == Errc::timed_out);
    error_code ended, untouched;
    TaskGroup group(io.get_executor());
    group.spawn(read_for(*a, 10s, ended));
    co_await test::sleep_for(1ms);
    a->close();
    co_await group.join();
    CHECK(ended == Errc::closed);
    CHECK((co_await a->read_some_for(into, 10s)).error() == Errc::closed);
    CHECK((co_await b->read_some_for(into, 10s)).value() == 0);
    CHECK((co_await b->read_some_for(into, 10s)).value() == 0);  // and it stays the end
    CHECK((co_await b->read_some(into)).value() == 0);
    auto [e, f] = test::tcp_pair(io);
    e->close(true);
    CHECK((co_await f->read_some_for(into, 10s)).error() == asio::error::connection_reset);
    CHECK((co_await f->read_some_for(into, 10s)).value() == 0);
    auto [c, d] = test::tcp_pair(io);
    group.spawn(read_for(*c, 10s, untouched));
    co_await test::sleep_for(1ms);
    group.cancel();
    co_await group.join();
    CHECK(!untouched);  // it threw
  });
}

TEST_CASE("a read whose time is up leaves a write under way alone") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    auto [a, b] = test::tcp_pair(io);
    const std::string much(16 << 20, 'm');
    std::optional<Result<void>> written;
    TaskGroup group(io.get_executor());
    group.spawn(write_noting(*a, much, written));
    co_await test::sleep_for(1ms);
    std::array<char, 16> block;
    CHECK((co_await a->read_some_for(asio::buffer(block), 1ms)).error() == Errc::timed_out);
    CHECK(!written);
    std::string got(much.size(), '-');
    CHECK((co_await b->read_exactly(asio::buffer(got))).has_value());
    CHECK(got == much);
    co_await group.join();
    CHECK(written.value().has_value());
  });
}

TEST_CASE("BBR is for long uploads") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    auto acceptor = test::listen_on(io, "127.0.0.1");
    asio::ip::tcp::socket near(io);
    near.connect(acceptor.local_endpoint());
    asio::ip::tcp::socket far = acceptor.accept();
    const auto from_system = congestion_control(near.native_handle());
    const bool there = ask_for_bbr(far.native_handle());
    auto a = make_tcp_stream(std::move(near), true), b = make_tcp_stream(std::move(far));
    TaskGroup group(io.get_executor());
    std::string got(70'000, ' ');
    co_await put_text(*a, "a request");
    CHECK(congestion_control(a->native_socket()) == from_system);
    group.spawn(put_text(*a, std::string(70'000, 'x')));
    CHECK((co_await b->read_exactly(asio::buffer(got))).has_value());
    CHECK(congestion_control(a->native_socket()) == (there ? "bbr" : from_system));
  });
}

TEST_CASE("more than the socket takes at once is written whole") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    auto [a, b] = test::tcp_pair(io);
    const std::string big(16 << 20, 'x');
    TaskGroup group(io.get_executor());
    group.spawn(put_text(*a, big));
    std::string got(big.size(), ' ');
    CHECK((co_await b->read_exactly(asio::buffer(got))).has_value());
    CHECK(got == big);
    co_await group.join();
  });
}

TEST_CASE("closing a TCP stream ends what is pending; a cancellation unwinds") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    auto [a, b] = test::tcp_pair(io);
    error_code reading, writing;
    TaskGroup group(io.get_executor());
    group.spawn(note_error_of_wait(*a, reading));
    group.spawn(note_error_of_big_write(*a, writing));
    asio::steady_timer timer(io, 20ms);
    co_await timer.async_wait(asio::use_awaitable);
    a->close();
    co_await group.join();
    CHECK(reading == Errc::closed);
    CHECK(writing == Errc::closed);

    auto [c, d] = test::tcp_pair(io);
    group.spawn(note_error_of_wait(*c, reading));
    group.spawn(note_error_of_big_write(*c, writing));
    reading = writing = {};
    timer.expires_after(20ms);
    co_await timer.async_wait(asio::use_awaitable);
    group.cancel();
    co_await group.join();
    CHECK(!reading);  // thrown, not returned
    CHECK(!writing);
    CHECK((co_await with_timeout(5ms, c->wait_readable())).error() == Errc::timed_out);
  });
}

TEST_CASE("the kernel tells what the peer acknowledged") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    auto [a, b] = test::tcp_pair(io);
    CHECK(surang::tcp_info(a->native_socket())->bytes_acked == 0);
    co_await put_text(*a, "hello");
    char buffer[5];
    CHECK((co_await b->read_exactly(asio::buffer(buffer))).has_value());
    for (int i = 0; i < 500 && surang::tcp_info(a->native_socket())->bytes_acked < 5; ++i)
      co_await test::sleep_for(10ms);
    const auto near = surang::tcp_info(a->native_socket()), far = surang::tcp_info(b->native_socket());
    REQUIRE(near);
    CHECK(near->established);
    CHECK(near->bytes_acked == 5);
    CHECK(near->retransmits == 0);
    CHECK(near->rtt > 0us);
    CHECK(far->bytes_received == 5);
    CHECK_FALSE(surang::tcp_info(-1));
    CHECK_FALSE(ask_for_bbr(-1));
  });
}
