// Users of a running bridge: let in, cut off, used up.
#include <SQLiteCpp/SQLiteCpp.h>
#include <doctest.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/parse.hpp>
#include <ctime>

#include "tests/integration/bridge-server/bridge_rig.hpp"
#include "tests/support/run.hpp"
#include "tests/support/tunnel_rig.hpp"
#include "transports/core/timeout.hpp"

using namespace surang;
using namespace surang::test;
using namespace std::chrono_literals;

namespace {

// Whether the stream ends, in whatever way, within `limit`.
asio::awaitable<bool> ends(Stream& stream, std::chrono::seconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (std::chrono::steady_clock::now() < until) {
    std::array<char, 256> block;
    const auto n = stream.try_read(asio::buffer(block));
    if (n ? *n == 0 : n.error() != Errc::would_block) co_return true;
    co_await sleep_for(20ms);
  }
  co_return false;
}

}  // namespace

TEST_CASE("a bridge carries its user's connections and counts them") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    EchoServer echo(io);
    CoverServer cover(io);
    BridgeProcess bridge(cover.port());
    bridge.start();
    BridgeClient me(io, bridge.link("me"));
    auto stream = co_await me.open(echo.port());
    REQUIRE(stream);
    const bool all = co_await me.echoes(*stream, std::string(300'000, 'x'));
    CHECK(all);
    const auto status = bridge.status();
    CHECK(status.at("open_sessions").as_int64() == 1);
    CHECK(status.at("streams").as_int64() == 1);
    CHECK(status.at("strangers").as_int64() == 0);
    CHECK(status.at("bytes_up").as_int64() >= 300'000);
    std::int64_t used = 0;
    for (int i = 0; i < 50 && used < 600'000; ++i) {
      co_await sleep_for(100ms);
      const auto users = boost::json::parse(bridge.command({"user", "list", "--json"}).out);
      used = users.as_array().at(0).as_object().at("used_bytes").as_int64();
    }
    CHECK(used >= 600'000);
    CHECK(bridge.log().find("127.0.0.1:" + std::to_string(echo.port())) == std::string::npos);
    CHECK(cover.visits == 0);
  });
}

TEST_CASE("a removed user is cut off at once and nobody else") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    EchoServer echo(io);
    CoverServer cover(io);
    BridgeProcess bridge(cover.port());
    bridge.start();
    BridgeClient me(io, bridge.link("me"));
    const auto added = bridge.command({"user", "add", "aunt"});
    REQUIRE_MESSAGE(added.code == 0, added.out);
    CHECK(added.out.starts_with("surang://"));
    BridgeClient late(io, bridge.link("aunt"));
    auto mine = co_await me.open(echo.port());
    REQUIRE(mine);
    // As many devices as make it sure that every worker has some of them.
    std::vector<std::unique_ptr<BridgeClient>> devices;
    std::vector<StreamPtr> hers;
    for (int i = 0; i < 12; ++i) {
      devices.push_back(std::make_unique<BridgeClient>(io, bridge.link("aunt")));
      hers.push_back(co_await devices.back()->open(echo.port()));
      REQUIRE(hers.back());
    }
    CHECK(bridge.status().at("open_sessions").as_int64() == 13);
    CHECK(bridge.command({"user", "remove", "aunt"}).code == 0);
    for (auto& stream : hers) {
      const bool cut = co_await ends(*stream, 10s);
      CHECK(cut);
    }
    const auto refused = co_await late.open(echo.port());
    CHECK(!refused);
    CHECK(cover.visits > 0);  // a stranger now
    const bool goes_on = co_await me.echoes(*mine, "still here");
    CHECK(goes_on);
    CHECK(bridge.command({"user", "remove", "aunt"}).code == 64);
    CHECK(bridge.command({"user", "add", "me"}).code == 64);
    CHECK(bridge.command({"link", "aunt"}).code == 64);
  });
}

TEST_CASE("a user removed is cut off obfs4 as well, in mid session and for new ones") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    EchoServer echo(io);
    CoverServer cover(io);
    BridgeProcess bridge(cover.port(), free_port());
    bridge.start();
    REQUIRE(bridge.command({"user", "add", "aunt"}).code == 0);
    BridgeClient me(io, bridge.link_by("obfs4", "me"));
    BridgeClient hers(io, bridge.link_by("obfs4", "aunt"));
    BridgeClient late(io, bridge.link_by("obfs4", "aunt"));
    auto mine = co_await me.open(echo.port());
    auto aunts = co_await hers.open(echo.port());
    REQUIRE(mine);
    REQUIRE(aunts);
    CHECK(bridge.command({"user", "remove", "aunt"}).code == 0);
    const bool cut = co_await ends(*aunts, 10s);
    CHECK(cut);
    // Her proof is nobody's now, which the port answers as it answers every stranger: with nothing.
    const auto refused = co_await late.open(echo.port());
    CHECK(!refused);
    CHECK(bridge.status().at("open_sessions").as_int64() == 1);
    CHECK(cover.visits == 0);
    const bool goes_on = co_await me.echoes(*mine, "still here");
    CHECK(goes_on);
  });
}

TEST_CASE("a user removed is cut off quic as well, and nobody answers for one") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    EchoServer echo(io);
    CoverServer cover(io);
    BridgeProcess bridge(cover.port());
    bridge.start();
    REQUIRE(bridge.command({"user", "add", "aunt"}).code == 0);
    BridgeClient me(io, bridge.link_by("quic", "me"));
    BridgeClient hers(io, bridge.link_by("quic", "aunt"));
    BridgeClient late(io, bridge.link_by("quic", "aunt"));
    auto mine = co_await me.open(echo.port());
    auto aunts = co_await hers.open(echo.port());
    REQUIRE(mine);
    REQUIRE(aunts);
    const auto denied = co_await me.refusal(Endpoint("10.0.0.1", 80));
    CHECK(denied == Errc::destination_denied);
    const auto seen = co_await me.tunnel->reach(Endpoint("127.0.0.1", echo.port()));
    REQUIRE(seen.has_value());
    CHECK(seen->connected());
    CHECK(bridge.command({"user", "remove", "aunt"}).code == 0);
    const bool cut = co_await ends(*aunts, 10s);
    CHECK(cut);
    const auto refused = co_await late.tunnel->check(1s);
    CHECK(refused.has_error());
    const auto status = bridge.status();
    CHECK(status.at("open_sessions").as_int64() == 1);
    CHECK(status.at("quic_users").as_int64() == 2);
    CHECK(status.at("quic_strangers").as_int64() >= 1);
    CHECK(status.at("bytes_up").as_int64() >= 10);
    CHECK(cover.visits == 0);
    const bool goes_on = co_await me.echoes(*mine, "still here");
    CHECK(goes_on);
  });
}

TEST_CASE("a user removed while the control socket is gone is cut off all the same") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    EchoServer echo(io);
    CoverServer cover(io);
    BridgeProcess bridge(cover.port());
    bridge.start();
    BridgeClient me(io, bridge.link("me"));
    auto stream = co_await me.open(echo.port());
    REQUIRE(stream);
    std::filesystem::remove(bridge.dir / "state" / "control.sock");
    CHECK(bridge.command({"user", "remove", "me"}).code == 0);
    const bool cut = co_await ends(*stream, 20s);
    CHECK(cut);
  });
}

TEST_CASE("a quota and a date end a user's sessions while they run") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    EchoServer echo(io);
    CoverServer cover(io);
    BridgeProcess bridge(cover.port());
    REQUIRE(bridge.command({"user", "add", "little", "--quota", "0.001"}).code == 0);
    REQUIRE(bridge.command({"user", "add", "late", "--expires", "2020-01-01"}).code == 0);
    CHECK(bridge.command({"user", "add", "odd", "--expires", "tomorrow"}).code == 64);
    bridge.start();
    BridgeClient me(io, bridge.link("me"));
    BridgeClient little(io, bridge.link("little"));
    BridgeClient late(io, bridge.link("late"));
    auto mine = co_await me.open(echo.port());
    auto theirs = co_await little.open(echo.port());
    REQUIRE(mine);
    REQUIRE(theirs);
    const auto expired = co_await late.open(echo.port());
    CHECK(!expired);
    // A date that comes while the session is open.
    REQUIRE(bridge.command({"user", "add", "guest", "--expires", "2999-01-01"}).code == 0);
    BridgeClient guest(io, bridge.link("guest"));
    auto visiting = co_await guest.open(echo.port());
    REQUIRE(visiting);
    {
      SQLite::Database users((bridge.dir / "state" / "users.db").string(), SQLite::OPEN_READWRITE, 5000);
      SQLite::Statement soon(users, "UPDATE users SET expires = ? WHERE name = 'guest'");
      soon.bind(1, static_cast<std::int64_t>(std::time(nullptr)) + 6);
      soon.exec();
    }
    const bool early = co_await ends(*visiting, 2s);
    CHECK(!early);
    const bool over = co_await ends(*visiting, 20s);
    CHECK(over);
    (void)co_await little.echoes(*theirs, std::string(600'000, 'x'));  // 1.2 MB both ways
    const bool cut = co_await ends(*theirs, 20s);
    CHECK(cut);
    const auto again = co_await little.open(echo.port());
    CHECK(!again);
    const bool goes_on = co_await me.echoes(*mine, "still here");
    CHECK(goes_on);
  });
}

TEST_CASE("sessions of one user are bounded") {
  run([](asio::io_context& io) -> asio::awaitable<void> {
    EchoServer echo(io);
    CoverServer cover(io);
    BridgeProcess bridge(cover.port());
    bridge.edit("max_sessions_per_user = 64", "max_sessions_per_user = 1");
    bridge.start();
    BridgeClient first(io, bridge.link("me"));
    BridgeClient second(io, bridge.link("me"));
    auto mine = co_await first.open(echo.port());
    REQUIRE(mine);
    const auto other = co_await second.open(echo.port());
    CHECK(!other);
    CHECK(bridge.status().at("refused_sessions").as_int64() >= 1);
    const bool goes_on = co_await first.echoes(*mine, "still here");
    CHECK(goes_on);
  });
}
