// Questions about destinations from the dialer to the acceptor: refused ones, crowded ones, late ones, and
// those to a bridge that does not know them.
#include "transports/tunnel/control.hpp"

#include <doctest.h>

#include <map>

#include "tests/unit/transports/tunnel/tunnel_calls.hpp"
#include "transports/tunnel/h2_session.hpp"
#include "transports/tunnel/proof.hpp"

using namespace surang;
using namespace surang::tunnel_calls;
using namespace std::chrono_literals;
using tunnel::ReachAnswer;

namespace {

// Answers after a while, or with what the name says.
class Scripted : public tunnel::Control {
 public:
  asio::awaitable<Result<ReachAnswer>> reach(Endpoint to) override {
    struct Under {
      Scripted& s;
      bool done = false;
      explicit Under(Scripted& scripted) : s(scripted) {
        s.most_at_once = std::max(s.most_at_once, ++s.under_way);
      }
      ~Under() {
        --s.under_way;
        s.cancelled += !done;
      }
    } under(*this);
    asked.push_back(to.to_string());
    co_await test::sleep_for(to.host() == "late.test" ? 10s : takes);
    under.done = true;
    if (to.host() == "denied.test") co_return make_error_code(Errc::destination_denied);
    if (to.host() == "often.test") co_return make_error_code(Errc::limit);
    ReachAnswer answer;
    answer.name = ReachAnswer::Name::found;
    answer.addresses = {asio::ip::make_address("93.184.1.10")};
    answer.attempts = {{answer.addresses.front(), tunnel::Reached::done, 7}};
    co_return answer;
  }

  std::chrono::steady_clock::duration takes = 5ms;
  std::vector<std::string> asked;
  int under_way = 0, most_at_once = 0, cancelled = 0;
};

asio::awaitable<void> ask(Rig& rig, std::string host, std::vector<error_code>& errors) {
  const auto answer = co_await rig.dialer.reach(Endpoint(host, 443));
  errors.push_back(answer ? error_code() : answer.error());
}

asio::awaitable<void> run_session(tunnel::H2Session& session) {
  (void)co_await session.run();
}

}  // namespace

TEST_CASE("a question goes by the session that is up, and makes none") {
  for (const std::size_t chunk : {std::size_t{1}, SIZE_MAX})
    test::run([chunk](asio::io_context& io) -> asio::awaitable<void> {
      RigOptions options;
      options.chunk = chunk;
      Rig rig(io.get_executor(), options);
      Scripted control;
      rig.control = &control;
      const auto too_soon = co_await rig.dialer.reach(Endpoint("site.test", 443));
      CHECK(too_soon.error() == Errc::no_route);
      CHECK(rig.connects == 0);
      co_await echo_once(rig, 1);
      const auto answer = co_await rig.dialer.reach(Endpoint("site.test", 443));
      REQUIRE(answer.has_value());
      CHECK(answer->attempts.front().ms == 7);
      Endpoint literal(asio::ip::make_address("2001:db8::1"), 8443);
      const auto again = co_await rig.dialer.reach(literal);
      CHECK(again.has_value());
      CHECK(control.asked == std::vector<std::string>{"site.test:443", "[2001:db8::1]:8443"});
      CHECK(rig.connects == 1);
      CHECK(rig.counters.questions == 2);
      // Its bytes are the user's as all others.
      CHECK(rig.counters.bytes_down > 2 * 100);
      CHECK(rig.user_bytes == rig.counters.bytes_up + rig.counters.bytes_down);
      co_await until([&] { return rig.dialer.status().open_streams == 0; });
      co_await rig.close();
    });
}

TEST_CASE("the first request of a session may be a question, and proves the user") {
  for (const bool wrong : {false, true})
    test::run([wrong](asio::io_context& io) -> asio::awaitable<void> {
      RigOptions options;
      options.client.dead_peer_limit = 1s;
      Rig rig(io.get_executor(), options);
      Scripted control;
      rig.control = &control;
      rig.wrong_proof = wrong;
      // The session stands when its transport does; the dial is dropped before it says anything.
      auto early = co_await rig.dialer.dial(Endpoint("echo.test", 443));
      early->reset();
      const auto answer = co_await rig.dialer.reach(Endpoint("site.test", 443));
      CHECK(answer.has_value() == !wrong);
      CHECK(control.asked.empty() == wrong);
      CHECK(rig.counters.refused_proof == (wrong ? 1 : 0));
      co_await rig.close();
    });
}

TEST_CASE("refusals of a question are told apart") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Rig rig(io.get_executor());
    co_await echo_once(rig, 1);
    std::vector<error_code> errors;
    co_await ask(rig, "site.test", errors);  // a bridge that does not know the question
    Scripted control;
    rig.control = &control;
    rig.dialer.retire();
    co_await echo_once(rig, 2);
    co_await ask(rig, "denied.test", errors);
    co_await ask(rig, "often.test", errors);
    co_await ask(rig, "site.test", errors);
    REQUIRE(errors.size() == 4);
    CHECK(errors[0] == Errc::protocol);
    CHECK(errors[1] == Errc::destination_denied);
    CHECK(errors[2] == Errc::limit);
    CHECK_FALSE(errors[3]);
    CHECK(rig.counters.refused_questions == 2);
    CHECK(rig.counters.refused_destination == 0);
    co_await rig.close();
  });
}

TEST_CASE("questions take turns, and one that nobody waits for is dropped at the bridge") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Rig rig(io.get_executor());
    Scripted control;
    rig.control = &control;
    co_await echo_once(rig, 1);
    TaskGroup group(io.get_executor());
    std::vector<error_code> errors;
    for (int i = 0; i < 20; ++i) group.spawn(ask(rig, "site" + std::to_string(i) + ".test", errors));
    co_await until([&] { return errors.size() == 20; });
    for (const auto& error : errors) CHECK_FALSE(error);
    CHECK(control.most_at_once == 1);
    CHECK(rig.counters.refused_questions == 0);

    group.spawn(ask(rig, "late.test", errors));
    co_await until([&] { return control.under_way == 1; });
    group.cancel();
    co_await until([&] { return control.under_way == 0; });
    CHECK(control.cancelled == 1);
    co_await ask(rig, "site.test", errors);
    CHECK_FALSE(errors.back());
    co_await echo_once(rig, 2);
    CHECK(rig.connects == 1);
    co_await rig.close();
  });
}

TEST_CASE("one question at a time for a session, whatever its client does") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Rig rig(io.get_executor());
    Scripted control;
    control.takes = 50ms;
    rig.control = &control;
    auto connected = co_await rig.connect();
    REQUIRE(connected.has_value());
    tunnel::H2Options options;
    options.proof = tunnel::make_proof(rig.user, connected->binding);
    tunnel::H2Session session(std::move(connected->stream), options, nullptr);
    TaskGroup group(io.get_executor());
    group.spawn(run_session(session));
    std::vector<std::unique_ptr<tunnel::H2Stream>> questions;
    for (int i = 0; i < 500; ++i)
      questions.push_back(session.get("site" + std::to_string(i) + ".test:443", tunnel::kReachPath));
    // Neither does another version of the question, nor a page, reach anybody.
    questions.push_back(session.get("site.test:443", "/.well-known/surang/reach/2"));
    questions.push_back(session.get("site.test:443", "/"));
    co_await until([&] { return questions.back()->status() != 0 && questions.front()->status() != 0; });
    CHECK(questions.front()->status() == 200);
    CHECK(questions[499]->status() == 429);
    CHECK(questions[500]->status() == 405);
    CHECK(questions[501]->status() == 405);
    CHECK(control.asked.size() == 1);
    CHECK(rig.counters.refused_questions == 499);
    auto other = session.get("other.test:0", tunnel::kReachPath);
    co_await until([&] { return other->status() != 0; });
    CHECK(other->status() == 400);
    other.reset();
    questions.clear();
    group.cancel();
    co_await group.join();
    co_await rig.close();
  });
}

TEST_CASE("a bridge that takes too long, or dies, answers nothing") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Rig rig(io.get_executor());
    Scripted control;
    rig.control = &control;
    co_await echo_once(rig, 1);
    const auto begun = std::chrono::steady_clock::now();
    std::vector<error_code> errors;
    co_await ask(rig, "late.test", errors);
    CHECK(errors.back() == Errc::timed_out);
    CHECK(std::chrono::steady_clock::now() - begun < 8s);
    TaskGroup group(io.get_executor());
    group.spawn(ask(rig, "late.test", errors));
    co_await until([&] { return control.under_way == 1; });
    rig.kill_bridge();
    co_await until([&] { return errors.size() == 2; });
    CHECK(errors.back() == Errc::no_route);
    co_await rig.close();
  });
}
