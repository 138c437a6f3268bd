#include <spdlog/spdlog.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "client/session.hpp"
#include "transports/core/relay.hpp"

namespace surang::client::session {
namespace {

// How long a first flight may stay unfinished after its first byte.
constexpr std::chrono::seconds kFlightLimit{5};
// A browser that ended its direction after its request may still want the answer.
constexpr std::chrono::seconds kHalfClosedGrace{60};

bool client_speaks_first(std::uint16_t port) {
  return port == 80 || port == 443 || port == 8080 || port == 8443;
}

std::vector<std::uint8_t> as_bytes(const std::string& s) {
  return {s.begin(), s.end()};
}

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

}  // namespace

asio::awaitable<Result<OpenedConnection>> open(Session& session, Endpoint to, FirstFlight flight) {
  const auto executor = co_await asio::this_coro::executor;
  const bool needs_browser = flight.kind == FirstFlight::Kind::tls || flight.kind == FirstFlight::Kind::none;
  const std::chrono::seconds grace = needs_browser ? std::chrono::seconds(0) : kHalfClosedGrace;
  auto [order, open_failure, opened, watch_failure] =
      co_await asio::experimental::make_parallel_group(
          asio::co_spawn(executor, session.context.outbound.open(std::move(to), std::move(flight)),
                         asio::deferred),
          asio::co_spawn(executor, session.browser.until_gone(grace), asio::deferred))
          .async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  if (order[0] == 0) {
    if (open_failure) std::rethrow_exception(open_failure);
    co_return std::move(opened);
  }
  if (watch_failure) std::rethrow_exception(watch_failure);
  if (!open_failure && opened && opened->watch) opened->watch->ended(opened->first_answer.size(), true, {});
  co_return make_error_code(Errc::closed);
}

asio::awaitable<void> serve_tunnel(Session& session, Endpoint to) {
  auto flight = co_await read_first_flight(session, to.port());
  if (!flight) co_return;
  spdlog::debug("c{} {}", session.id, to.to_string());
  auto opened = co_await open(session, std::move(to), std::move(*flight));
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
