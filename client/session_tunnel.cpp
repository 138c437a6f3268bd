#include <spdlog/spdlog.h>

#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <memory>
#include <optional>

#include "client/session.hpp"
#include "transports/core/alarm.hpp"
#include "transports/core/relay.hpp"

namespace surang::client::session {
namespace {

// How long a first flight may stay unfinished after its first byte.
constexpr std::chrono::seconds kFlightLimit{5};
// A browser that ended its direction after its request may still want the answer.
constexpr std::chrono::seconds kHalfClosedGrace{60};
// Before that nobody looks whether the browser is still there.
constexpr std::chrono::milliseconds kWorthLooking{20};

bool client_speaks_first(std::uint16_t port) {
  return port == 80 || port == 443 || port == 8080 || port == 8443;
}

std::vector<std::uint8_t> as_bytes(const std::string& s) {
  return {s.begin(), s.end()};
}

std::string_view in_words(RelayEnd end) {
  switch (end) {
    case RelayEnd::clean:
      return "ended";
    case RelayEnd::idle:
      return "idle for too long";
    case RelayEnd::a_failed:
      return "cut by the browser";
    case RelayEnd::b_failed:
      return "cut by the site";
  }
  return "";
}

// Notices that the browser has left while a way is looked for; mostly one is found before that is worth it.
class BrowserWatch {
 public:
  BrowserWatch(const asio::any_io_executor& executor, Session& session, std::chrono::seconds grace)
      : executor_(executor), session_(session), grace_(grace), begin_(executor) {
    begin_.set(kWorthLooking, [this] { looking_.emplace(executor_).spawn(look()); });
  }

  /// Returns whether join() is due before the session may use the browser again.
  bool end() {
    ended_ = true;
    begin_.cancel();
    if (looking_) looking_->cancel();
    return looking_ && looking_->size() > 0;
  }
  asio::awaitable<void> join() { return looking_->join(); }

 private:
  asio::awaitable<void> look() {
    co_await session_.browser.until_gone(grace_);
    if (ended_) co_return;
    session_.browser.stream->close(true);
    session_.task.cancel();
  }

  const asio::any_io_executor executor_;
  Session& session_;
  const std::chrono::seconds grace_;
  Alarm begin_;
  std::optional<TaskGroup> looking_;
  bool ended_ = false;
};

}  // namespace

// The first flight, taken out of the browser's input; kind none when the server has to speak first.
asio::awaitable<Result<FirstFlight>> read_first_flight(Session& session, std::uint16_t port) {
  auto& browser = session.browser;
  const auto& options = *session.options;
  const auto first_wait = client_speaks_first(port) ? options.client_first_wait : options.server_first_wait;
  FirstFlight flight;
  for (;;) {
    bool more = false;
    flight = classify_first_flight(as_bytes(browser.input), more);
    if (!more || browser.ended) break;
    const std::chrono::steady_clock::duration wait = browser.input.empty() ? first_wait : kFlightLimit;
    const auto n = co_await browser.read_more(wait);
    if (!n && n.error() == Errc::timed_out) {
      flight = classify_first_flight(as_bytes(browser.input), more);
      break;
    }
    if (!n) co_return n.error();
  }
  if (browser.ended && browser.input.empty()) co_return make_error_code(Errc::closed);
  browser.input.clear();
  co_return std::move(flight);
}

asio::awaitable<Result<OpenedConnection>> open(Session& session, Endpoint to, FirstFlight flight,
                                               std::shared_ptr<HeadStart> begun) {
  const bool needs_browser = flight.kind == FirstFlight::Kind::tls || flight.kind == FirstFlight::Kind::none;
  flight.public_only = session.guest;
  const auto executor = co_await asio::this_coro::executor;
  BrowserWatch watch(executor, session, needs_browser ? std::chrono::seconds(0) : kHalfClosedGrace);
  std::optional<Result<OpenedConnection>> opened;
  std::exception_ptr failure;
  try {
    opened = co_await session.context.outbound.open(std::move(to), std::move(flight), std::move(begun));
  } catch (...) {
    failure = std::current_exception();
  }
  if (watch.end()) {
    const bool throws = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);
    co_await watch.join();
    co_await asio::this_coro::throw_if_cancelled(throws);
  }
  if (failure) std::rethrow_exception(failure);
  co_return std::move(*opened);
}

asio::awaitable<void> serve_tunnel(Session& session, Endpoint to, std::shared_ptr<HeadStart> begun) {
  auto flight = co_await read_first_flight(session, to.port());
  if (flight) co_await open_and_carry(session, std::move(to), std::move(*flight), std::move(begun));
}

asio::awaitable<void> open_and_carry(Session& session, Endpoint to, FirstFlight flight,
                                     std::shared_ptr<HeadStart> begun) {
  if (spdlog::should_log(spdlog::level::debug)) spdlog::debug("c{} {}", session.id, to.to_string());
  auto opened = co_await open(session, std::move(to), std::move(flight), std::move(begun));
  if (!opened) {
    if (opened.error() != Errc::closed) {
      ++session.context.counters.failed;
      spdlog::debug("c{} no way: {}", session.id, opened.error().message());
    }
    // It was told that it is connected; only a reset says that it is not, and makes it try again.
    session.browser.stream->close(true);
    co_return;
  }
  co_await carry(session, std::move(*opened));
}

asio::awaitable<void> carry(Session& session, OpenedConnection site) {
  auto& browser = session.browser;
  RelayCounters counters;
  RelayOutcome outcome;
  const auto answer = std::move(site.first_answer);
  const auto ahead = std::move(browser.input);
  Result<void> ok;
  if (!answer.empty()) ok = co_await browser.stream->write_all(asio::buffer(answer));
  if (!ok) outcome = RelayOutcome{RelayEnd::a_failed, ok.error()};
  if (ok && !ahead.empty()) {
    ok = co_await site.stream->write_all(asio::buffer(ahead));
    if (!ok) outcome = RelayOutcome{RelayEnd::b_failed, ok.error()};
  }
  if (ok) {
    RelayOptions options;
    options.counters = &counters;
    outcome = co_await relay(*browser.stream, *site.stream, options);
  } else {
    site.stream->close(outcome.end == RelayEnd::a_failed);
    browser.stream->close(true);
  }
  const auto received = counters.b_to_a + answer.size();
  spdlog::debug("c{} {}, {} bytes by {}", session.id, in_words(outcome.end), received, site.way);
  // Who let it rest says nothing about the way; neither does what the browser cut.
  const bool proves_nothing = outcome.end == RelayEnd::a_failed || outcome.end == RelayEnd::idle;
  if (site.watch) site.watch->ended(received, proves_nothing, outcome.error);
}

}  // namespace surang::client::session
