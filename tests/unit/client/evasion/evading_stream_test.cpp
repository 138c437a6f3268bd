// A stream that cuts its first flight: what arrives, in which pieces, and what is left of it afterwards.
#include <doctest.h>

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "client/detection/probe_flight.hpp"
#include "client/evasion/evading_stream.hpp"
#include "client/evasion/hello_cuts.hpp"
#include "tests/support/memory_stream.hpp"
#include "tests/support/run.hpp"
#include "transports/core/task_group.hpp"
#include "transports/tcp/tcp_stream.hpp"
#include "transports/tls/client_hello.hpp"

using namespace surang;
using namespace surang::client;
using asio::ip::tcp;

namespace {

using Bytes = std::vector<std::uint8_t>;

asio::awaitable<void> write(Stream& stream, Bytes bytes) {
  CHECK(co_await stream.write_all(asio::buffer(bytes)));
}

asio::awaitable<void> write_if_let(Stream& stream, Bytes bytes) {
  (void)co_await stream.write_all(asio::buffer(bytes));
}

// The reads that it takes to have `size` bytes.
asio::awaitable<std::vector<Bytes>> reads(tcp::socket& socket, std::size_t size) {
  std::vector<Bytes> all;
  std::array<std::uint8_t, 8192> block;
  for (std::size_t had = 0; had < size;) {
    const auto n = co_await socket.async_read_some(asio::buffer(block), asio::use_awaitable);
    all.emplace_back(block.begin(), block.begin() + static_cast<std::ptrdiff_t>(n));
    had += n;
  }
  co_return all;
}

}  // namespace

TEST_CASE("the first flight is fragmented, and nothing behind it") {
  surang::test::run([](asio::io_context& io) -> asio::awaitable<void> {
    auto [near, far] = surang::test::memory_stream_pair(io.get_executor());
    const auto stream = evading(std::move(near), Way::direct_fragmented);
    const auto flight = tls_probe_flight("www.youtube.com").bytes;
    co_await write(*stream, flight);
    Bytes got(flight.size() + 10);
    const auto whole = co_await far->read_exactly(asio::buffer(got));
    CHECK(whole);
    tls::ClientHello before, after;
    CHECK(tls::parse_client_hello(flight, before) == tls::HelloState::complete);
    CHECK(tls::parse_client_hello(got, after) == tls::HelloState::complete);
    CHECK(before.message == after.message);
    co_await write(*stream, flight);
    got.resize(flight.size());
    const auto later = co_await far->read_exactly(asio::buffer(got));
    CHECK(later);
    CHECK(got == flight);
    auto [near2, far2] = surang::test::memory_stream_pair(io.get_executor());
    const auto* plain = near2.get();
    CHECK(evading(std::move(near2), Way::direct_other_address).get() == plain);
  });
}

TEST_CASE(
    "a split flight comes piece by piece, cut inside the name, and the socket is given away afterwards") {
  surang::test::run([](asio::io_context& io) -> asio::awaitable<void> {
    tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    tcp::socket client(io), server(io);
    co_await client.async_connect(acceptor.local_endpoint(), asio::use_awaitable);
    co_await acceptor.async_accept(server, asio::use_awaitable);
    int arrived = 0;
    const auto stream = evading(make_tcp_stream(std::move(client)), Way::direct_split, [&] { ++arrived; });
    CHECK(stream->native_socket() == -1);
    CHECK(stream->carrier_socket() >= 0);
    const auto flight = tls_probe_flight("a.b.c.www.youtube.com").bytes;
    TaskGroup tasks(io.get_executor());
    tasks.spawn(write(*stream, flight));
    const auto pieces = co_await reads(server, flight.size());
    co_await tasks.join();
    const auto cuts = hello_cuts(flight);
    CHECK(cuts.size() == 5);
    REQUIRE(pieces.size() == 4);  // the last three cuts
    CHECK(pieces[0].size() == cuts[2]);
    Bytes whole;
    for (const auto& piece : pieces) whole.insert(whole.end(), piece.begin(), piece.end());
    CHECK(whole == flight);
    CHECK(stream->native_socket() >= 0);
    co_await write(*stream, flight);
    const auto after = co_await reads(server, flight.size());
    CHECK(after.size() == 1);
    CHECK(arrived == 3);
  });
}

TEST_CASE("a split that nobody acknowledges goes on after a while, and one that is cancelled ends") {
  surang::test::run([](asio::io_context& io) -> asio::awaitable<void> {
    auto [near, far] = surang::test::memory_stream_pair(io.get_executor());
    const auto stream = evading(std::move(near), Way::direct_split);
    const auto flight = tls_probe_flight("www.youtube.com").bytes;
    const auto begun = std::chrono::steady_clock::now();
    co_await write(*stream, flight);
    CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(2));
    Bytes got(flight.size());
    const auto whole = co_await far->read_exactly(asio::buffer(got));
    CHECK(whole);
    CHECK(got == flight);
    auto [near2, far2] = surang::test::memory_stream_pair(io.get_executor());
    const auto other = evading(std::move(near2), Way::direct_split);
    TaskGroup tasks(io.get_executor());
    tasks.spawn(write_if_let(*other, flight));
    const auto cancelled = std::chrono::steady_clock::now();
    tasks.cancel();
    co_await tasks.join();
    CHECK(std::chrono::steady_clock::now() - cancelled < std::chrono::milliseconds(90));
    got.resize(1);
    other->close();
    CHECK(other->native_socket() == -1);
  });
}
