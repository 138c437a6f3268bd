#include "client/http_exchange.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace surang::client::session {
namespace {

using Clock = std::chrono::steady_clock;

// Returns when nothing has moved for longer than it may, or up to a quarter of the shortest limit later.
asio::awaitable<void> until_still(Session& session, Exchange& x) {
  const auto& limits = *session.options;
  const auto tick =
      std::min({limits.exchange_idle, limits.exchange_half_closed, limits.answer_half_closed}) / 4;
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (;;) {
    timer.expires_after(tick);
    co_await timer.async_wait(asio::use_awaitable);
    const bool half = session.browser.ended;
    const auto limit = !half        ? limits.exchange_idle
                       : x.answered ? limits.exchange_half_closed
                                    : limits.answer_half_closed;
    if (Clock::now() - x.moved < limit) continue;
    if (half || x.end != Exchange::End::open) co_return;
    x.end = Exchange::End::truncated;
    x.why = make_error_code(Errc::timed_out);
    co_return;
  }
}

// Sends the rest of the request's body, then watches the browser. Returns when the browser is gone or its
// body is broken; is cancelled when the answer is over. A browser that ended its direction after the request
// may still be reading: a failed write or until_still tell when it is not.
asio::awaitable<void> upload(Session& session, Site& site, Exchange& x) {
  auto& browser = session.browser;
  std::string content, out;
  while (!x.request.done()) {
    const auto ok = x.request.read_body(browser.input, content);
    if (!ok) {
      x.bad_request = true;
      co_return;
    }
    append_body(out, x.request, content);
    if (!out.empty()) {
      const auto sent = co_await site.connection.stream->write_all(asio::buffer(out));
      // The site may have said why before it stopped listening; its answer decides.
      if (!sent) co_return co_await browser.until_gone(kForEver);
      x.moved = Clock::now();
    }
    content.clear();
    out.clear();
    if (x.request.done()) break;
    const auto n = co_await browser.read_more();
    if (!n || *n == 0) co_return;
    x.moved = Clock::now();
  }
  x.uploaded = true;
  co_await browser.until_gone(kForEver);
}

asio::awaitable<void> read_answer_head(Site& site, HttpResponseReader& reader, Exchange& x) {
  for (;;) {
    if (!site.input.empty()) {
      const auto ok = reader.read_head(site.input);
      if (!ok) {
        x.end = Exchange::End::bad_answer;
        x.why = ok.error();
        co_return;
      }
      if (reader.head_done()) co_return;
    }
    const auto n = co_await site.read_more();
    x.moved = Clock::now();
    if (n && *n > 0) continue;
    x.end = site.received == 0 || (site.input.empty() && !reader.started()) ? Exchange::End::silent
                                                                            : Exchange::End::truncated;
    x.why = n ? make_error_code(Errc::truncated) : n.error();
    co_return;
  }
}

// Passes the final answer on, whose head has been read.
asio::awaitable<void> pass_answer(Session& session, Site& site, HttpResponseReader& reader, Exchange& x) {
  const auto& request = x.request.head();
  const auto framing = response_framing(reader.head(), request.method == "HEAD", request.version);
  const bool raw = framing == Framing::until_close;
  x.keep_browser = request.keep_alive && x.uploaded && !raw;
  x.keep_site = reader.head().keep_alive && x.uploaded;
  std::string out = returned_head(reader.head(), framing, x.keep_browser);
  std::string content;
  for (;;) {
    content.clear();
    const auto ok = reader.done() ? Result<void>{} : reader.read_body(site.input, content);
    if (framing == Framing::chunked)
      append_chunk(out, content);
    else
      out += content;
    if (ok && reader.done() && framing == Framing::chunked) out += kLastChunk;
    x.answered = true;
    if (!out.empty()) {
      const auto sent = co_await session.browser.write(out);
      x.moved = Clock::now();
      if (!sent) x.end = Exchange::End::browser_failed;
    }
    if (x.end != Exchange::End::open) co_return;
    if (ok && reader.done()) {
      x.end = Exchange::End::done;
      co_return;
    }
    out.clear();
    Result<std::size_t> n = make_error_code(Errc::protocol);
    if (ok) n = co_await site.read_more();
    x.moved = Clock::now();
    if (n && *n > 0) continue;
    const bool whole = n && reader.end_of_input();
    if (!whole) {
      x.end = Exchange::End::truncated;
      x.why = n ? make_error_code(Errc::truncated) : n.error();
      co_return;
    }
  }
}

asio::awaitable<void> download(Session& session, Site& site, Exchange& x) {
  for (;;) {
    HttpResponseReader reader;
    if (x.request.head().method == "HEAD") reader.expect_no_body();
    co_await read_answer_head(site, reader, x);
    if (x.end != Exchange::End::open) co_return;
    const auto status = reader.head().status;
    if (status / 100 != 1) co_return co_await pass_answer(session, site, reader, x);
    if (status == 101 && wanted_upgrade(x.request.head()).empty()) {
      x.end = Exchange::End::bad_answer;
      co_return;
    }
    if (x.request.head().version < 11) continue;  // it knows no interim answers
    const auto head = returned_head(reader.head(), Framing::none, true);
    const auto sent = co_await session.browser.write(head);
    x.answered = status == 101;
    if (!sent) x.end = Exchange::End::browser_failed;
    if (sent && status == 101) x.end = Exchange::End::switched;
    if (x.end != Exchange::End::open) co_return;
  }
}

}  // namespace

asio::awaitable<Result<std::size_t>> Site::read_more() {
  const auto n = co_await read_into(*connection.stream, input);
  if (n) received += *n;
  co_return n;
}

bool Site::quiet() const {
  std::uint8_t byte;
  const auto n = connection.stream->try_read(asio::buffer(&byte, 1));
  return input.empty() && !n && n.error() == Errc::would_block;
}

void append_body(std::string& out, const HttpRequestReader& request, std::string_view content) {
  if (!request.head().chunked) {
    out += content;
    return;
  }
  append_chunk(out, content);
  if (request.done()) out += kLastChunk;
}

asio::awaitable<void> transfer(Session& session, Site& site, Exchange& x) {
  const auto executor = co_await asio::this_coro::executor;
  x.moved = Clock::now();
  auto [order, down_failure, up_failure, still_failure] =
      co_await asio::experimental::make_parallel_group(
          asio::co_spawn(executor, download(session, site, x), asio::deferred),
          asio::co_spawn(executor, upload(session, site, x), asio::deferred),
          asio::co_spawn(executor, until_still(session, x), asio::deferred))
          .async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  const auto& failure = order[0] == 0 ? down_failure : order[0] == 1 ? up_failure : still_failure;
  if (failure) std::rethrow_exception(failure);
  if (x.end == Exchange::End::open) x.end = Exchange::End::browser_failed;
}

}  // namespace surang::client::session
