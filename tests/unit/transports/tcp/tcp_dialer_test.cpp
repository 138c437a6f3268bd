// Happy eyeballs on loopback: 127.0.0.x where nothing listens is refused, a listener with a full backlog
// answers nothing.
#include "transports/tcp/tcp_dialer.hpp"

#include <doctest.h>

#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <filesystem>

#include "tests/support/run.hpp"
#include "tests/unit/transports/tcp/loopback.hpp"
#include "transports/core/task_group.hpp"
#include "transports/core/timeout.hpp"
#include "transports/tcp/system_resolver.hpp"

using namespace surang;
using namespace std::chrono_literals;
using asio::ip::tcp;

namespace {

// Not an initializer_list: g++ 12 cannot keep one in a coroutine.
std::vector<asio::ip::address> addresses(const char* a, const char* b = nullptr, const char* c = nullptr) {
  std::vector<asio::ip::address> out;
  for (const auto* text : {a, b, c})
    if (text) out.push_back(asio::ip::make_address(text));
  return out;
}

// Swallows every SYN: its backlog is full of connections that nobody accepts.
struct SilentListener {
  SilentListener(asio::io_context& io, const char* address, std::uint16_t port)
      : acceptor(test::listen_on(io, address, port, 0)) {
    fillers.reserve(4);
    for (int i = 0; i < 4; ++i) {
      auto& filler = fillers.emplace_back(io, tcp::v4());
      filler.async_connect(acceptor.local_endpoint(), [](error_code) {});
    }
  }
  tcp::acceptor acceptor;
  std::vector<tcp::socket> fillers;
};

std::size_t open_descriptors() {
  std::size_t n = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++n;
  return n;
}

class FixedResolver : public Resolver {
 public:
  explicit FixedResolver(std::vector<asio::ip::address> answer) : answer_(std::move(answer)) {}
  asio::awaitable<Result<std::vector<asio::ip::address>>> resolve(std::string) override { co_return answer_; }

 private:
  std::vector<asio::ip::address> answer_;
};

// Waits for no address unless it must: on a busy machine too, what comes soon does not come by a time-out.
TcpDialerOptions patient() {
  TcpDialerOptions options;
  options.attempt_delay = 10s;
  options.connect_limit = 30s;
  return options;
}

asio::awaitable<void> dial_and_drop(TcpDialer& dialer, std::vector<asio::ip::address> to,
                                    std::uint16_t port) {
  (void)co_await dialer.connect(std::move(to), port);
}

asio::awaitable<void> look_up_and_drop(SystemResolver& resolver) {
  (void)co_await resolver.resolve("localhost");
}

}  // namespace

TEST_CASE("the dialer connects and tells what became of each address") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    SystemResolver resolver;
    auto acceptor = test::listen_on(io, "127.0.0.1");
    const auto port = acceptor.local_endpoint().port();
    TcpDialer dialer(resolver, patient());
    const Endpoint to("127.0.0.1", port);
    CHECK((co_await dialer.dial(to)).has_value());

    std::vector<ConnectAttempt> attempts;
    const auto before = std::chrono::steady_clock::now();
    auto stream = co_await dialer.connect(addresses("127.0.0.77", "127.0.0.1"), port, &attempts);
    CHECK(stream.has_value());
    CHECK(std::chrono::steady_clock::now() - before < 5s);  // a refusal is not waited for
    REQUIRE(attempts.size() == 2);
    CHECK(attempts[0].result == asio::error::connection_refused);
    CHECK(!attempts[1].result);
    CHECK(attempts[1].to.port() == port);

    attempts.clear();
    CHECK((co_await dialer.connect(addresses("127.0.0.77", "127.0.0.78"), port, &attempts)).error() ==
          asio::error::connection_refused);
    CHECK(attempts.size() == 2);
  });
}

TEST_CASE("a broken family does not delay the working one") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    SystemResolver resolver;
    TcpDialer dialer(resolver, patient());
    auto acceptor = test::listen_on(io, "127.0.0.1");
    std::vector<ConnectAttempt> attempts;
    const auto before = std::chrono::steady_clock::now();
    auto stream = co_await dialer.connect(addresses("::1", "::1", "127.0.0.1"),
                                          acceptor.local_endpoint().port(), &attempts);
    CHECK(stream.has_value());
    CHECK(std::chrono::steady_clock::now() - before < 5s);
    REQUIRE(attempts.size() == 2);  // interleaved: the second ::1 was never needed
    CHECK(attempts[0].result);
    CHECK(attempts[1].to.address().is_v4());
  });
}

TEST_CASE("a silent address delays the next one by the attempt delay only") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    SystemResolver resolver;
    TcpDialerOptions options;
    options.attempt_delay = 100ms;
    options.connect_limit = 20s;
    TcpDialer dialer(resolver, options);
    auto acceptor = test::listen_on(io, "127.0.0.1");
    const auto port = acceptor.local_endpoint().port();
    SilentListener silent(io, "127.0.0.2", port), silent_too(io, "127.0.0.3", port);

    std::vector<ConnectAttempt> attempts;
    const auto before = std::chrono::steady_clock::now();
    auto stream = co_await dialer.connect(addresses("127.0.0.2", "127.0.0.1"), port, &attempts);
    const auto took = std::chrono::steady_clock::now() - before;
    CHECK(stream.has_value());
    CHECK(took >= 100ms);
    CHECK(took < 10s);
    REQUIRE(attempts.size() == 2);
    CHECK(attempts[0].result == asio::error::operation_aborted);
    CHECK(!attempts[1].result);

    options.connect_limit = 1s;
    TcpDialer quick(resolver, options);
    attempts.clear();
    CHECK((co_await quick.connect(addresses("127.0.0.2", "127.0.0.3"), port, &attempts)).error() ==
          Errc::timed_out);
    REQUIRE(attempts.size() == 2);
    CHECK(attempts[1].result == Errc::timed_out);
    CHECK(attempts[0].took >= 1s);

    attempts.clear();  // the refusal says more than the silence
    CHECK((co_await quick.connect(addresses("127.0.0.2", "127.0.0.77"), port, &attempts)).error() ==
          asio::error::connection_refused);
  });
}

TEST_CASE("a name with many dead addresses takes few descriptors and few dials") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    SystemResolver resolver;
    TcpDialer dialer(resolver, patient());
    const auto port = test::listen_on(io, "127.0.0.1").local_endpoint().port();
    std::vector<asio::ip::address> many;
    for (int i = 0; i < 200; ++i) many.push_back(asio::ip::make_address("127.0.1." + std::to_string(i + 1)));
    std::vector<ConnectAttempt> attempts;
    CHECK((co_await dialer.connect(many, port, &attempts)).error() == asio::error::connection_refused);
    CHECK(attempts.size() == 16);
  });
}

TEST_CASE("a cancelled dial leaves nothing open") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    SystemResolver resolver;
    TcpDialerOptions options;
    options.attempt_delay = 5ms;
    TcpDialer dialer(resolver, options);
    auto first = test::listen_on(io, "127.0.0.2", 0, 0);
    const auto port = first.local_endpoint().port();
    first.close();
    SilentListener silent(io, "127.0.0.2", port), silent_too(io, "127.0.0.3", port);
    const auto open_before = open_descriptors();
    for (const auto delay : {0ms, 1ms, 20ms}) {
      TaskGroup group(io.get_executor());
      group.spawn(dial_and_drop(dialer, addresses("127.0.0.2", "127.0.0.3"), port));
      asio::steady_timer timer(io, delay);
      co_await timer.async_wait(asio::use_awaitable);
      group.cancel();
      co_await group.join();
      timer.expires_after(1ms);
      co_await timer.async_wait(asio::use_awaitable);
      CHECK(open_descriptors() == open_before);
    }
  });
}

TEST_CASE("the dialer asks before it connects") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    auto acceptor = test::listen_on(io, "127.0.0.1");
    FixedResolver resolver(addresses("127.0.0.9", "127.0.0.1"));
    TcpDialerOptions options;
    options.bbr = true;  // silently absent where it is absent
    options.admit = [](std::vector<asio::ip::address> all, std::uint16_t port) {
      if (port == 25) all.clear();
      std::erase(all, asio::ip::make_address("127.0.0.9"));
      return all;
    };
    TcpDialer dialer(resolver, options);
    const Endpoint good("name.test", acceptor.local_endpoint().port()), mail("name.test", 25);
    CHECK((co_await dialer.dial(good)).has_value());
    CHECK((co_await dialer.dial(mail)).error() == Errc::destination_denied);
  });
}

TEST_CASE("the dialer connects from the address it is given for a family") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    auto acceptor = test::listen_on(io, "127.0.0.1");
    FixedResolver resolver(addresses("127.0.0.1"));
    TcpDialerOptions options;
    options.from_v4 = asio::ip::make_address("127.0.0.9");
    options.from_v6 = asio::ip::make_address("2001:db8::1");  // not this machine's
    TcpDialer dialer(resolver, options);
    const auto stream = co_await dialer.connect(addresses("127.0.0.1"), acceptor.local_endpoint().port());
    REQUIRE(stream.has_value());
    const auto accepted = acceptor.accept();
    CHECK(accepted.remote_endpoint().address().to_string() == "127.0.0.9");
    const auto failed = co_await dialer.connect(addresses("::1"), 1);
    CHECK(failed.error() == std::errc::address_not_available);
  });
}

TEST_CASE("the system resolver answers off the thread and can be left at once") {
  test::run([](asio::io_context&) -> asio::awaitable<void> {
    SystemResolver resolver;
    CHECK((co_await resolver.resolve("192.0.2.7")).value() == addresses("192.0.2.7"));
    CHECK((co_await resolver.resolve("2001:db8::1")).value() == addresses("2001:db8::1"));
    auto found = co_await resolver.resolve("localhost");
    REQUIRE(found.has_value());
    CHECK(found->front().is_loopback());
    for (int i = 0; i < 50; ++i)
      (void)co_await with_timeout(std::chrono::microseconds(i * 10), resolver.resolve("localhost"));
  });
}

TEST_CASE("a lookup may outlive the context that asked for it") {
  SystemResolver resolver;
  for (int i = 0; i < 20; ++i) {
    asio::io_context io(1);
    asio::co_spawn(io, look_up_and_drop(resolver), [](std::exception_ptr) {});
    io.run_one();
  }
}
