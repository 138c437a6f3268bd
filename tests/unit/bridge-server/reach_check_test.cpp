// Looks at real servers on loopback: what they show, that many who ask cost one dial, and what is refused.
#include "bridge-server/egress/reach_check.hpp"

#include <doctest.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>

#include "bridge-server/egress/egress_policy.hpp"
#include "bridge-server/users/question_limit.hpp"
#include "tests/support/run.hpp"
#include "tests/support/tls_server.hpp"
#include "transports/core/task_group.hpp"
#include "transports/tcp/tcp_stream.hpp"
#include "transports/tls/tls_stream.hpp"

using namespace surang;
using namespace surang::bridge;
using namespace std::chrono_literals;
using asio::ip::tcp;
using tunnel::ReachAnswer;
using tunnel::Reached;

namespace {

const auto kLoopback = asio::ip::make_address("127.0.0.1");

class Names : public Resolver {
 public:
  asio::awaitable<Result<std::vector<asio::ip::address>>> resolve(std::string host) override {
    ++asked;
    if (host == "slow.test") co_await test::sleep_for(1h);
    if (const auto it = known.find(host); it != known.end()) co_return it->second;
    co_return make_error_code(Errc::name_not_found);
  }
  std::map<std::string, std::vector<asio::ip::address>> known;
  int asked = 0;
};

enum class Does { tls, mute, closes, floods };

// What stands at a port of loopback.
struct Site {
  Site(asio::io_context& io, Does d, const test::TestServer& t)
      : does(d), server(t), acceptor(io, tcp::endpoint(kLoopback, 0)), tasks(io.get_executor()) {
    tasks.spawn(accept());
  }
  asio::awaitable<void> accept() {
    for (;;) {
      tcp::socket peer = co_await acceptor.async_accept(asio::use_awaitable);
      ++visits;
      tasks.spawn(serve(make_tcp_stream(std::move(peer))));
    }
  }
  asio::awaitable<void> serve(StreamPtr peer) {
    if (does == Does::mute) co_await test::sleep_for(1h);
    if (does == Does::closes) co_return;
    if (does == Does::floods) {
      std::vector<char> block(16 * 1024, 'x');
      for (;;) {
        const auto sent = co_await peer->write_all(asio::buffer(block));
        if (!sent) co_return;
      }
    }
    tls::SslPtr ssl(SSL_new(server.context.get()), SSL_free);
    SSL_set_accept_state(ssl.get());
    const auto stream = tls::TlsStream::make(std::move(peer), std::move(ssl));
    (void)co_await stream->handshake();
  }
  Endpoint at(const std::string& host) const { return Endpoint(host, acceptor.local_endpoint().port()); }

  Does does;
  const test::TestServer& server;
  tcp::acceptor acceptor;
  TaskGroup tasks;
  int visits = 0;
};

const test::TestServer& server() {
  static const auto made = test::make_tls_server("site.test");
  return made;
}

struct World {
  explicit World(asio::io_context& context, ReachLimits limits = quick())
      : io(context),
        check(io.get_executor(), names, egress(), test::make_tls_client(server().certificate_pem), limits) {
    for (const auto* host : {"site.test", "other.test"}) names.known[host] = {kLoopback};
  }
  static ReachLimits quick() {
    ReachLimits l;
    l.whole = 800ms;
    l.name = 200ms;
    l.last = 300ms;
    l.remembered = 300ms;
    return l;
  }
  static TcpDialerOptions egress() {
    TcpDialerOptions options;
    const auto policy = std::make_shared<EgressPolicy>(std::vector<std::string>{"127.0.0.0/8"},
                                                       std::vector<asio::ip::address>{});
    options.admit = [policy](std::vector<asio::ip::address> addresses, std::uint16_t port) {
      return policy->admit(std::move(addresses), port);
    };
    return options;
  }
  asio::awaitable<Result<ReachAnswer>> look(Endpoint to) { return check.look(std::move(to), spent); }

  asio::io_context& io;
  Names names;
  ReachCheck check;
  ReachCheck::Spent spent = std::make_shared<std::atomic<std::uint64_t>>(0);
};

asio::awaitable<void> look_into(World& world, Endpoint to, std::vector<Result<ReachAnswer>>& into) {
  auto seen = co_await world.look(std::move(to));
  into.push_back(std::move(seen));
}

asio::awaitable<void> until(std::function<bool()> condition) {
  const auto limit = std::chrono::steady_clock::now() + 25s;
  while (!condition() && std::chrono::steady_clock::now() < limit) co_await test::sleep_for(1ms);
  CHECK(condition());
}

}  // namespace

TEST_CASE("a site that speaks TLS shows its certificate, and whether it is good for the name") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    World world(io);
    Site site(io, Does::tls, server());
    const auto seen = co_await world.look(site.at("site.test"));
    REQUIRE(seen.has_value());
    CHECK(seen->name == ReachAnswer::Name::found);
    CHECK(seen->addresses == std::vector{kLoopback});
    REQUIRE(seen->connected());
    CHECK(seen->connected()->address == kLoopback);
    REQUIRE(seen->tls);
    CHECK(seen->tls->result == Reached::done);
    CHECK(seen->tls->verified);
    CHECK(seen->tls->problem.empty());
    CHECK(seen->tls->leaf != tunnel::Sha256{});
    CHECK(seen->tls->key != seen->tls->leaf);
    CHECK(*world.spent > 500);
    // By another name, and by its address, the same certificate is not good.
    for (const auto* host : {"other.test", "127.0.0.1"}) {
      const auto wrong = co_await world.look(site.at(host));
      REQUIRE(wrong.has_value());
      REQUIRE(wrong->tls);
      CHECK(wrong->tls->result == Reached::done);
      CHECK_FALSE(wrong->tls->verified);
      CHECK(wrong->tls->problem.find("mismatch") != std::string::npos);
      CHECK(wrong->tls->key == seen->tls->key);
    }
    const auto stranger = test::make_tls_server("site.test");
    Site impostor(io, Does::tls, stranger);
    const auto forged = co_await world.look(impostor.at("site.test"));
    REQUIRE(forged.has_value());
    CHECK_FALSE(forged->tls->verified);
    CHECK(forged->tls->problem.starts_with("self"));
    CHECK(forged->tls->key != seen->tls->key);
  });
}

TEST_CASE("what does not answer, and how") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    World world(io);
    Site mute(io, Does::mute, server()), closing(io, Does::closes, server()),
        flood(io, Does::floods, server());
    const auto begun = std::chrono::steady_clock::now();
    const auto silent = co_await world.look(mute.at("site.test"));
    CHECK(silent->tls->result == Reached::timed_out);
    CHECK(std::chrono::steady_clock::now() - begun < 3s);
    const auto closed = co_await world.look(closing.at("site.test"));
    CHECK(closed->tls->result == Reached::closed);
    const auto flooded = co_await world.look(flood.at("site.test"));
    CHECK(flooded->tls->result == Reached::failed);
    const auto nobody = co_await world.look(mute.at("nowhere.test"));
    CHECK(nobody->name == ReachAnswer::Name::not_found);
    const auto unnamed = co_await world.look(mute.at("slow.test"));
    CHECK(unnamed->name == ReachAnswer::Name::timed_out);
    Endpoint gone;
    {
      Site site(io, Does::mute, server());
      gone = site.at("site.test");
    }
    co_await test::sleep_for(10ms);
    const auto refused = co_await world.look(gone);
    REQUIRE(refused.has_value());
    REQUIRE(refused->attempts.size() == 1);
    CHECK(refused->attempts.front().result == Reached::refused);
    CHECK_FALSE(refused->tls);
  });
}

TEST_CASE("the policy holds for looks as for connections") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    World world(io);
    Site site(io, Does::tls, server());
    world.names.known["inside.test"] = {asio::ip::make_address("10.0.0.1")};
    world.names.known["mixed.test"] = {asio::ip::make_address("192.168.1.1"), kLoopback};
    for (const auto* host : {"inside.test", "169.254.169.254", "10.1.2.3"}) {
      const auto denied = co_await world.look(site.at(host));
      CHECK(denied.error() == Errc::destination_denied);
    }
    const auto mail = co_await world.look(Endpoint("site.test", 25));
    CHECK(mail.error() == Errc::destination_denied);
    // What lies inside is not even told of.
    const auto mixed = co_await world.look(site.at("mixed.test"));
    REQUIRE(mixed.has_value());
    CHECK(mixed->addresses == std::vector{kLoopback});
  });
}

TEST_CASE("many who ask cost one dial, for as long as the answer is remembered") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    World world(io);
    Site site(io, Does::tls, server());
    TaskGroup people(io.get_executor());
    std::vector<Result<ReachAnswer>> seen;
    for (int i = 0; i < 100; ++i) people.spawn(look_into(world, site.at("site.test"), seen));
    co_await until([&] { return seen.size() == 100; });
    CHECK(site.visits == 1);
    CHECK(world.names.asked == 1);
    const std::uint64_t paid = *world.spent;
    for (const auto& one : seen) CHECK(one->tls->verified);
    (void)co_await world.look(site.at("site.test"));
    CHECK(site.visits == 1);
    CHECK(*world.spent == paid);
    co_await test::sleep_for(350ms);
    (void)co_await world.look(site.at("site.test"));
    CHECK(site.visits == 2);
  });
}

TEST_CASE("a look goes on for the others when the first who asked leaves, and too many are refused") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    auto limits = World::quick();
    limits.at_once = 2;
    World world(io, limits);
    Site mute(io, Does::mute, server()), site(io, Does::tls, server());
    TaskGroup first(io.get_executor()), second(io.get_executor());
    std::vector<Result<ReachAnswer>> seen;
    first.spawn(look_into(world, mute.at("site.test"), seen));
    second.spawn(look_into(world, mute.at("site.test"), seen));
    co_await until([&] { return mute.visits == 1; });
    first.cancel();
    second.spawn(look_into(world, mute.at("other.test"), seen));
    co_await until([&] { return mute.visits == 2; });
    const auto crowded = co_await world.look(site.at("site.test"));
    CHECK(crowded.error() == Errc::limit);
    co_await second.join();
    CHECK(seen.size() == 2);
    for (const auto& one : seen) CHECK(one->tls->result == Reached::timed_out);
    const auto now = co_await world.look(site.at("site.test"));
    CHECK(now.has_value());
    // Stopping ends what is under way; whoever waits for it learns so.
    first.spawn(look_into(world, mute.at("127.0.0.1"), seen));
    co_await until([&] { return mute.visits == 3; });
    world.check.stop();
    co_await until([&] { return seen.size() == 3; });
    CHECK(seen.back().error() == Errc::closed);
  });
}

TEST_CASE("a user may ask forty times at once, and then once a second") {
  QuestionLimit limit;
  auto now = QuestionLimit::Clock::time_point{} + 100h;
  const auto admitted = [&](int tries) {
    int n = 0;
    for (int i = 0; i < tries; ++i) n += limit.admit(now);
    return n;
  };
  CHECK(admitted(1000) == 40);
  now += 999ms;
  CHECK(admitted(10) == 0);
  now += 1ms;
  CHECK(admitted(10) == 1);
  now += 10s;
  CHECK(admitted(100) == 10);
  now += 1h;
  CHECK(admitted(100) == 40);
}
