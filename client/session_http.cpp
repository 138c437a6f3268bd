// Plain HTTP through the proxy: requests one after the other, each to the host it names, the site's
// connection kept while the host stays the same. Nothing that could act twice is ever said twice.
#include <spdlog/spdlog.h>

#include <boost/asio/use_awaitable.hpp>
#include <optional>

#include "client/http_exchange.hpp"

namespace surang::client::session {
namespace {

using Clock = std::chrono::steady_clock;

// A kept connection that rested longer may have just been closed by the site; what must not be sent twice is
// then not risked on it.
constexpr std::chrono::seconds kFreshEnough{2};
bool safe_method(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS";
}

unsigned status_of(const error_code& why) {
  if (why == Errc::destination_denied) return 403;
  if (why == Errc::timed_out || why == Errc::destination_timed_out || why == asio::error::timed_out)
    return 504;
  return 502;
}

class HttpSession {
 public:
  explicit HttpSession(Session& session) : session_(session), browser_(session.browser) {}

  /// Serves one request; returns whether another may follow.
  asio::awaitable<bool> one();
  /// `failed`: the site ended it, by `why`; otherwise it was done with.
  void drop_site(bool failed = false, error_code why = {});

 private:
  // Return the same.
  asio::awaitable<bool> exchange(Exchange& x);
  asio::awaitable<bool> conclude(Exchange& x);
  asio::awaitable<bool> answer(const HttpRequestReader& request, unsigned status, std::string text);

  asio::awaitable<Result<void>> read_request(HttpRequestReader& reader);
  asio::awaitable<Result<void>> send(Exchange& x, const std::string& out, bool fresh);
  bool can_reuse(const Exchange& x) const;

  Session& session_;
  Browser& browser_;
  std::optional<Site> site_;
};

void HttpSession::drop_site(bool failed, error_code why) {
  if (!site_) return;
  spdlog::debug("c{} {} ended, {} bytes by {}", session_.id, site_->to.to_string(), site_->received,
                site_->connection.way);
  site_->connection.stream->close();
  const bool unheard = !failed && site_->received == 0;  // the browser did not wait for it
  if (site_->connection.watch) site_->connection.watch->ended(site_->received, unheard, why);
  site_.reset();
}

asio::awaitable<Result<void>> HttpSession::read_request(HttpRequestReader& reader) {
  for (;;) {
    if (!browser_.input.empty()) {
      const auto ok = reader.read_head(browser_.input);
      if (!ok || reader.head_done()) co_return ok;
    }
    const bool between = browser_.input.empty() && !reader.started();
    std::chrono::steady_clock::duration wait = session_.options->negotiation_limit;
    if (between && site_)
      wait = session_.options->idle_site_hold;
    else if (between)
      wait = session_.options->idle_request_wait;
    const auto n = co_await browser_.read_more(wait);
    if (n && *n == 0) co_return make_error_code(Errc::closed);
    if (n) continue;
    if (n.error() != Errc::timed_out || !between || !site_) co_return n.error();
    drop_site();
  }
}

asio::awaitable<bool> HttpSession::answer(const HttpRequestReader& request, unsigned status,
                                          std::string text) {
  const bool keep = request.head_done() && request.done() && request.head().keep_alive && status != 400;
  const auto out = own_answer(status, text, keep, request.head().method == "HEAD");
  const auto sent = co_await browser_.write(out);
  if (sent && keep) co_return true;
  if (sent) co_await browser_.finish();
  co_return false;
}

asio::awaitable<bool> HttpSession::one() {
  Exchange x;
  const auto ok = co_await read_request(x.request);
  if (!ok && ok.error() == Errc::limit) co_return co_await answer(x.request, 400, "The request is too long.");
  if (!ok && ok.error() == Errc::protocol)
    co_return co_await answer(x.request, 400, "The request is not HTTP as it should be.");
  if (!ok) co_return false;

  const auto& head = x.request.head();
  if (!authorized(head, session_.options->credentials)) {
    ++session_.context.counters.refused;
    co_return co_await answer(x.request, 407, "This proxy asks for a user name and a password.");
  }
  std::string_view wrong;
  auto to = proxy_request(head, wrong);
  if (!to) co_return co_await answer(x.request, 400, std::string(wrong));
  const auto why = refusal(session_, to->to);
  if (why == Refusal::self) co_return co_await answer(x.request, 403, "Surang does not proxy to itself.");
  if (why == Refusal::rule) co_return co_await answer(x.request, 403, "A rule of Surang forbids this host.");
  x.to = std::move(*to);
  if (!x.to.connect) co_return co_await exchange(x);

  drop_site();
  auto begun = begin(session_, x.to.to);
  const auto sent = co_await browser_.write(kConnectEstablished);
  if (sent) co_await serve_tunnel(session_, x.to.to, std::move(begun));
  co_return false;
}

bool HttpSession::can_reuse(const Exchange& x) const {
  if (!site_ || site_->to != x.to.to || !site_->quiet()) return false;
  return x.replayable || Clock::now() - site_->last_used < kFreshEnough;
}

// Sends the beginning of the request on the kept connection, or opens one for it.
asio::awaitable<Result<void>> HttpSession::send(Exchange& x, const std::string& out, bool fresh) {
  if (!fresh) co_return co_await site_->connection.stream->write_all(asio::buffer(out));
  drop_site();
  bool more = false;
  auto flight = classify_first_flight({out.begin(), out.end()}, more);
  flight.replayable = flight.replayable && x.replayable;
  auto opened = co_await open(session_, x.to.to, std::move(flight), nullptr);
  if (!opened) co_return opened.error();
  site_.emplace();
  site_->to = x.to.to;
  site_->input.assign(opened->first_answer.begin(), opened->first_answer.end());
  site_->received = opened->first_answer.size();
  site_->connection = std::move(*opened);
  co_return Result<void>{};
}

asio::awaitable<bool> HttpSession::exchange(Exchange& x) {
  const auto& head = x.request.head();
  std::string out = forwarded_head(head, x.to);
  std::string content;
  if (!x.request.done()) {
    const auto ok = x.request.read_body(browser_.input, content);
    if (!ok) co_return co_await answer(x.request, 400, "The body of the request is broken.");
    append_body(out, x.request, content);
  }
  x.replayable = x.request.done() && request_framing(head) == Framing::none && safe_method(head.method) &&
                 wanted_upgrade(head).empty();
  spdlog::debug("c{} {} {}", session_.id, head.method, x.to.to.to_string());

  for (bool fresh = !can_reuse(x);; fresh = true) {
    x.uploaded = x.request.done();
    const auto sent = co_await send(x, out, fresh);
    if (!sent && fresh) {
      if (sent.error() == Errc::closed) co_return false;
      ++session_.context.counters.failed;
      spdlog::debug("c{} no way: {}", session_.id, sent.error().message());
      auto text = "Surang found no way to " + x.to.to.host() + ": " + sent.error().message() + '.';
      co_return co_await answer(x.request, status_of(sent.error()), std::move(text));
    }
    if (sent) co_await transfer(session_, *site_, x);
    // A kept connection that died unheard is the one case in which a request is sent again.
    const bool unheard = !sent || x.end == Exchange::End::silent;
    if (fresh || !unheard || !x.replayable || x.answered) break;
    x.end = Exchange::End::open;
  }
  co_return co_await conclude(x);
}

asio::awaitable<bool> HttpSession::conclude(Exchange& x) {
  using End = Exchange::End;
  const auto refuse = [&](std::string_view what) {
    drop_site(true, x.why);
    return answer(x.request, 502, x.to.to.host() + std::string(what));
  };
  switch (x.end) {
    case End::open:
    case End::silent:
      co_return co_await refuse(" closed the connection without an answer.");
    case End::bad_answer:
      co_return co_await refuse(" does not answer in HTTP.");
    case End::truncated:
      drop_site(true, x.why);
      if (!x.answered && x.why == Errc::timed_out)
        co_return co_await answer(x.request, 504, x.to.to.host() + " did not answer.");
      if (!x.answered) co_return co_await answer(x.request, 502, "The answer broke off.");
      browser_.stream->close(true);  // so that half an answer is not taken for a whole one
      co_return false;
    case End::browser_failed:
      drop_site();
      if (x.bad_request && !x.answered)
        co_return co_await answer(x.request, 400, "The body of the request is broken.");
      browser_.stream->close(true);
      co_return false;
    case End::switched: {
      auto site = std::move(site_->connection);
      site.first_answer.assign(site_->input.begin(), site_->input.end());
      site_.reset();
      co_await carry(session_, std::move(site));
      co_return false;
    }
    case End::done:
      break;
  }
  if (x.keep_site && site_->input.empty())
    site_->last_used = Clock::now();
  else
    drop_site();
  if (x.keep_browser) co_return true;
  co_await browser_.finish();
  co_return false;
}

}  // namespace

asio::awaitable<void> serve_http(Session& session) {
  HttpSession http(session);
  bool again = true;
  while (again) again = co_await http.one();
  http.drop_site();
}

}  // namespace surang::client::session
