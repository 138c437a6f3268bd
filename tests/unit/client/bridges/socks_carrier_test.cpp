// A lane to a SOCKS proxy behind a bridge, with a proxy in memory that says what it is told to;
// and in the pool beside a tunnel.
#include <doctest.h>

#include "client/bridges/carrier.hpp"
#include "tests/unit/client/bridges/pool_world.hpp"

using namespace surang;
using namespace surang::client;
using namespace surang::client::pool_test;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

// A proxy at the other end of each connection.
struct Proxy {
  explicit Proxy(asio::any_io_executor e) : executor(e), tasks(e) {}

  RawDialer dialer() {
    return [this] { return connect(); };
  }
  asio::awaitable<Result<StreamPtr>> connect() {
    ++connects;
    if (refuses) co_return error_code(asio::error::connection_refused);
    auto [near, far] = test::memory_stream_pair(executor, 1);  // a byte at a time
    tasks.spawn(serve(std::move(far)));
    co_return std::move(near);
  }
  asio::awaitable<void> serve(StreamPtr client) {
    std::string method(3, '\0');
    const auto greeted = co_await client->read_exactly(asio::buffer(method));
    if (!greeted) co_return;
    CHECK(method == "\5\1\0"s);
    if (mute) co_await test::sleep_for(1h);
    (void)co_await client->write_all(asio::buffer(chooses));
    std::string request(4 + 1 + 9 + 2, '\0');
    const auto asked = co_await client->read_exactly(asio::buffer(request));
    if (!asked) co_return;
    CHECK(request == "\5\1\0\3\x09site.test\1\xbb"s);
    ++asks;
    (void)co_await client->write_all(asio::buffer(answers));
    const std::string hello = "hello";
    (void)co_await client->write_all(asio::buffer(hello));
    co_await test::sleep_for(1h);
  }
  asio::awaitable<void> end() {
    tasks.cancel();
    co_await tasks.join();
  }

  asio::any_io_executor executor;
  TaskGroup tasks;
  int connects = 0, asks = 0;
  bool refuses = false, mute = false;
  std::string chooses = "\5\0"s, answers = "\5\0\0\1\0\0\0\0\0\0"s;
};

const Endpoint kSite("site.test", 443);

}  // namespace

TEST_CASE("connections go by the proxy behind the bridge, which is live once it has spoken SOCKS") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Proxy proxy(io.get_executor());
    const auto carrier = make_socks_carrier(proxy.dialer());
    CHECK_FALSE(carrier->status().live);
    CHECK((co_await carrier->check(5s)).has_value());
    CHECK(carrier->status().live);
    CHECK(proxy.asks == 0);  // and nowhere was asked for
    {
      auto stream = co_await carrier->dial(kSite);
      REQUIRE(stream.has_value());
      std::string got(5, '\0');
      CHECK((co_await (*stream)->read_exactly(asio::buffer(got))).has_value());
      CHECK(got == "hello");
      CHECK((co_await (*stream)->write_all(asio::buffer("abc", 3))).has_value());
      CHECK(carrier->status().open_streams == 1);
      CHECK(carrier->status().bytes_down == 5);
      CHECK(carrier->status().bytes_up == 3);
    }
    CHECK(carrier->status().open_streams == 0);
    CHECK((co_await carrier->reach(kSite)).error() == Errc::no_route);
    co_await proxy.end();
  });
}

TEST_CASE("what the proxy says of a site is the site's, what it does not say is the bridge's") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Proxy proxy(io.get_executor());
    const auto carrier = make_socks_carrier(proxy.dialer());
    const std::pair<char, Errc> replies[] = {
        {'\1', Errc::destination_unreachable}, {'\2', Errc::destination_denied},
        {'\3', Errc::destination_unreachable}, {'\4', Errc::destination_unreachable},
        {'\5', Errc::destination_refused},     {'\6', Errc::destination_timed_out},
        {'\7', Errc::destination_unreachable}};
    for (const auto& [code, meaning] : replies) {
      proxy.answers[1] = code;
      const auto refused = co_await carrier->dial(kSite);
      CHECK(refused.error() == meaning);
      CHECK(carrier->status().live);
    }
    const std::string strangers[] = {"HT"s, "\5\2"s, "\5\xff"s};
    for (const auto& strange : strangers) {
      proxy.chooses = strange;
      const auto refused = co_await carrier->dial(kSite);
      CHECK(refused.error() == Errc::no_route);
      CHECK_FALSE(carrier->status().live);
      CHECK(!(co_await carrier->check(5s)));
      CHECK(carrier->status().last_error == Errc::protocol);
    }
    proxy.mute = true;
    CHECK((co_await carrier->check(50ms)).error() == Errc::timed_out);
    proxy.refuses = true;
    CHECK((co_await carrier->dial(kSite)).error() == Errc::no_route);
    CHECK(carrier->status().last_error == asio::error::connection_refused);
    co_await proxy.end();
  });
}

TEST_CASE("the pool goes by a bridge line's proxy as by a tunnel, and by one of them when the other fails") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Proxy proxy(io.get_executor());
    auto options = World::options(15s);
    options.make_raw = [&proxy](const TransportSpec& spec, const BridgeIdentity&, std::string&) {
      CHECK(spec.params.at("behind") == "socks5");
      return Result<RawDialer>(proxy.dialer());
    };
    World w(io.get_executor(), options);
    auto line = share_link("", {"obfs4"});
    line.foreign = true;
    line.transports[0].params["behind"] = "socks5";
    CHECK(w.pool.set_bridges({line}).empty());
    CHECK(co_await w.fetch() == "hello");
    CHECK(w.preferred() == "obfs4@bridge.test");
    CHECK(co_await w.fetch() == "hello");
    CHECK(proxy.connects == 3);  // one shows that it works, and one for each
    w.pool.set_bridges({line, share_link("home", {"b"})});
    CHECK(co_await w.fetch() == "hello");
    proxy.refuses = true;
    CHECK(co_await w.fetch() == "hello");  // though it was live
    CHECK(w.preferred() == "b@home");
    CHECK(w.b.greeter.dials == 1);
    co_await w.end();
    co_await proxy.end();
  });
}

TEST_CASE("a pool without such bridges says that it has none") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    World w(io.get_executor());
    auto line = share_link("", {"obfs4"});
    line.foreign = true;
    CHECK(w.pool.set_bridges({line}).size() == 1);
    CHECK(w.pool.empty());
    co_await w.end();
  });
}
