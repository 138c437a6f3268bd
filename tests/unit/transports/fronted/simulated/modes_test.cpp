// By which requests a session goes, by edges of every kind, in simulated time: what is found out, what that
// costs, and that nothing is lost by it.
#include "tests/unit/transports/fronted/simulated/typist.hpp"

using namespace surang;
using namespace surang::fronted;
using namespace surang::fronted::rig;
using Kind = Note::Kind;
using Standing = EdgeModes::Standing;

namespace {

// What is known of the edge beforehand.
enum class Known { nothing, packet_up, stream_up, stream_one };

struct World : Ends {
  explicit World(asio::io_context& io, Known known = Known::nothing, OriginLimits limits = {})
      : Ends(io, limits) {
    dialer.distance = kRoundTrip / 2;
    auto& modes = edge.modes();
    if (known == Known::nothing) return;
    modes.answered_after(kRoundTrip, Clock::now() - 1min);
    for (const auto& [mode, from] :
         {std::pair(Mode::stream_up, Known::stream_up), std::pair(Mode::stream_one, Known::stream_one)})
      known >= from ? modes.passed(mode, Clock::now()) : modes.held_back(mode, Clock::now());
  }
  Standing standing(Mode mode) { return edge.modes().standing(mode, Clock::now()); }
};

// Another session by the same edge.
struct Second {
  Second(asio::io_context& io, World& world)
      : session(std::make_shared<Session>(io.get_executor(), SessionLimits())),
        carrier(io.get_executor(), world.edge, user(), Rig::name(), session) {}
  std::shared_ptr<Session> session;
  EdgeCarrier carrier;
};

}  // namespace

TEST_CASE("by an edge that passes everything both modes are found, and cost nobody a wait") {
  simulate([](asio::io_context& io) -> asio::awaitable<void> {
    World world(io);
    Typist typist(world);
    co_await typist.type(400, 20ms);
    CHECK(world.standing(Mode::stream_up) == Standing::open);
    CHECK(world.standing(Mode::stream_one) == Standing::open);
    CHECK(world.dialer.counts.of[Kind::down] == 1);
    typist.slowest();  // with the connection's making
    co_await typist.type(1000, 50ms);
    CHECK(typist.slowest() < kRoundTrip + 10ms);
    co_await typist.finish(world);
    CHECK(world.dialer.dials == 1);
  });
}

TEST_CASE("a wrong guess costs about three round trips once, and no byte") {
  for (const int kind : {0, 1, 2, 3, 4})
    simulate([kind](asio::io_context& io) -> asio::awaitable<void> {
      CAPTURE(kind);
      World world(io);
      auto& manners = world.dialer.manners;
      manners.keeps_bodies = kind == 0;
      manners.keeps_answers = kind == 1;
      manners.deaf = kind == 2;
      manners.answers_late = kind == 4;
      Typist typist(world);
      co_await typist.type(1, 500ms);
      typist.slowest();
      if (kind == 3) manners.keeps_bodies = manners.keeps_answers = true;
      co_await typist.type(1000, 20ms);
      CHECK(typist.slowest() < (kind == 4 ? 8 : 5) * kRoundTrip);  // one of them is the way there and back
      const bool up = kind == 1 || kind == 2 || kind == 4;
      CHECK(world.standing(Mode::stream_up) == (up ? Standing::open : Standing::shut));
      CHECK(world.standing(Mode::stream_one) == Standing::shut);
      co_await typist.type(1000, 20ms);
      CHECK(typist.slowest() < kRoundTrip + 10ms);
      co_await typist.finish(world);
    });
}

TEST_CASE("an edge that changes its mind is noticed within seconds, and nothing is lost") {
  for (const int kind : {0, 1, 2, 3, 4})
    for (const auto known : {Known::stream_up, Known::stream_one})
      for (const int before : {100, 437})
        simulate([kind, known, before](asio::io_context& io) -> asio::awaitable<void> {
          CAPTURE(kind);
          CAPTURE(static_cast<int>(known));
          CAPTURE(before);
          OriginLimits limits;
          limits.answer_age = 14s;
          World world(io, known, limits);
          Typist typist(world);
          co_await typist.type(before, 50ms);
          CHECK(world.standing(Mode::stream_up) == Standing::open);
          typist.slowest();
          auto& manners = world.dialer.manners;
          manners.keeps_bodies = kind == 0;
          manners.keeps_answers = kind == 1;
          manners.deaf = kind == 2;
          manners.tires = kind == 3;
          manners.answers_late = kind == 4;
          co_await typist.type(600, 50ms);
          const bool up = kind == 1 || kind == 2 || kind == 4;
          CHECK(world.standing(Mode::stream_up) == (up ? Standing::open : Standing::shut));
          CHECK(world.standing(Mode::stream_one) == Standing::shut);
          CHECK(typist.slowest() < (kind >= 3 ? 9s : 5s));
          co_await typist.type(400, 50ms);
          CHECK(typist.slowest() < 2 * kRoundTrip + 50ms);  // where an answer has ended by its age
          co_await typist.finish(world);
        });
}

TEST_CASE("what is typed costs a request or two where a body stays open, and many where it cannot") {
  const auto posts_of = [](Known known) {
    int posts = 0;
    simulate([known, &posts](asio::io_context& io) -> asio::awaitable<void> {
      World world(io, known);
      Typist typist(world);
      co_await typist.type(1, 5s);
      const auto& counts = world.dialer.counts;
      const int before = counts.posts();
      co_await typist.type(50, 20ms);
      co_await test::sleep_for(15s);
      posts = counts.posts() - before;
      co_await typist.finish(world);
    });
    return posts;
  };
  CHECK(posts_of(Known::packet_up) == 50);
  CHECK(posts_of(Known::stream_up) <= 3);
}

TEST_CASE("a session by an edge that is known costs one request, beside its leave") {
  simulate([](asio::io_context& io) -> asio::awaitable<void> {
    World world(io, Known::stream_one);
    Typist typist(world);
    co_await typist.type(40, 40ms);
    auto& counts = world.dialer.counts;
    CHECK(counts.of[Kind::down] == 0);
    CHECK(counts.of[Kind::up] == 0);
    co_await typist.finish(world);
    CHECK(counts.of[Kind::both] == 2);  // the second is told of the end
    CHECK(counts.of[Kind::up_last] == 1);
    CHECK(counts.of[Kind::abandon] == 1);
    CHECK(counts.of[Kind::down] == 0);
    CHECK(counts.questions <= 2);
  });
}

TEST_CASE("ten minutes of talk, with pauses, in each mode") {
  for (const auto known : {Known::packet_up, Known::stream_up, Known::stream_one})
    simulate([known](asio::io_context& io) -> asio::awaitable<void> {
      CAPTURE(static_cast<int>(known));
      World world(io, known);
      Typist typist(world);
      co_await typist.type(1, 1s);
      typist.slowest();
      for (int i = 0; i < 30; ++i) {
        co_await typist.type(100, 70ms);
        co_await test::sleep_for(i % 3 * 6s);
      }
      CHECK(typist.slowest() < 2 * kRoundTrip + 10ms);  // where an answer has ended by its age
      co_await typist.finish(world);
      const int posts = world.dialer.counts.posts();
      CHECK((known == Known::packet_up ? posts == 3003 : posts < 200));
    });
}

TEST_CASE("everything at once comes whole, in each mode, by edges of every kind") {
  for (const auto known : {Known::nothing, Known::packet_up, Known::stream_up, Known::stream_one})
    for (const int kind : {0, 1, 2, 3})
      simulate([known, kind](asio::io_context& io) -> asio::awaitable<void> {
        CAPTURE(static_cast<int>(known));
        CAPTURE(kind);
        World world(io, known);
        auto& manners = world.dialer.manners;
        manners.keeps_bodies = kind == 1;
        manners.keeps_answers = kind == 2;
        manners.deaf = kind == 3;
        co_await say_and_hear(io, world, 6000000, kind % 2 ? 300000 : 9000);
      });
}

TEST_CASE("an edge that dies at any byte, in each mode, loses nothing and doubles nothing") {
  for (const auto known : {Known::nothing, Known::packet_up, Known::stream_up, Known::stream_one})
    for (const bool slow : {false, true})
      // The least that gets through at once is one record of TLS.
      for (const std::size_t mean : {slow ? std::size_t{6000} : std::size_t{20000}, std::size_t{60000}})
        simulate([known, mean, slow](asio::io_context& io) -> asio::awaitable<void> {
          CAPTURE(static_cast<int>(known));
          CAPTURE(mean);
          CAPTURE(slow);
          World world(io, known);
          std::uint32_t seed = 5;
          world.dialer.life = [&] { return 3000 + (seed = seed * 1664525 + 1013904223) / 7 % (2 * mean); };
          if (slow) {
            Typist typist(world);
            co_await typist.type(3000, 30ms);
            co_await typist.finish(world);
          } else {
            co_await say_and_hear(io, world, 20 * mean, 5000);
          }
          CHECK(world.dialer.dials > 2);
        });
}

TEST_CASE("an edge that refuses or kills what is open for long is done without, and nothing is lost") {
  for (const bool kills : {false, true})
    simulate([kills](asio::io_context& io) -> asio::awaitable<void> {
      CAPTURE(kills);
      World world(io, Known::stream_up);
      auto& manners = world.dialer.manners;
      manners.kills = kills;
      if (!kills) manners.most_body = 500;
      Typist typist(world);
      co_await typist.type(400, 50ms);
      CHECK(world.standing(Mode::stream_up) == Standing::shut);
      typist.slowest();
      const auto dials = world.dialer.dials;
      co_await typist.type(400, 50ms);
      CHECK(typist.slowest() < kRoundTrip + 10ms);
      CHECK(world.dialer.dials == dials);
      co_await typist.finish(world);
    });
}

TEST_CASE("a thin uplink is no reason to do without a mode, and what is pasted comes in its time") {
  for (const auto known : {Known::nothing, Known::stream_up, Known::stream_one})
    simulate([known](asio::io_context& io) -> asio::awaitable<void> {
      CAPTURE(static_cast<int>(known));
      World world(io, known);
      world.dialer.uplink = 30000;
      Typist typist(world);
      co_await typist.type(100, 50ms);
      const auto before = Clock::now();
      co_await typist.paste(400000);
      co_await typist.heard_all();
      CHECK(Clock::now() - before < 20s);  // 13.3 s are what it takes
      co_await typist.type(100, 50ms);
      CHECK(world.standing(Mode::stream_up) == Standing::open);
      co_await typist.finish(world);
    });
}

TEST_CASE("two sessions by one edge: one of them finds out, and both know") {
  simulate([](asio::io_context& io) -> asio::awaitable<void> {
    World world(io);
    Second second(io, world);
    Typist one(world), other(second);
    TaskGroup tasks(io.get_executor());
    tasks.spawn(one.type(300, 40ms));
    co_await other.type(300, 40ms);
    co_await tasks.join();
    CHECK(world.standing(Mode::stream_one) == Standing::open);
    CHECK(world.dialer.counts.of[Kind::up] < 300);  // 250 of them in the first 5 s
    co_await other.leave();
    co_await one.finish(world);
  });
}

TEST_CASE("an edge that answers two-way requests by itself is done without, and no byte waits for it") {
  for (const int status : {200, 403, 502})
    for (const auto known : {Known::stream_up, Known::stream_one})
      simulate([status, known](asio::io_context& io) -> asio::awaitable<void> {
        CAPTURE(status);
        CAPTURE(static_cast<int>(known));
        OriginLimits limits;
        limits.answer_age = 14s;
        World world(io, known, limits);
        auto& manners = world.dialer.manners;
        Typist typist(world);
        co_await typist.type(100, 50ms);
        manners.page = status;
        manners.page_for = Kind::both;
        co_await typist.type(800, 50ms);
        CHECK(typist.slowest() < 2s);
        CHECK(world.standing(Mode::stream_one) == Standing::shut);
        manners.page = 0;
        co_await typist.finish(world);
      });
}
