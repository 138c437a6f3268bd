// One plain HTTP request and its answer between the browser and a connected site: both directions at once, so
// that an answer may come before the request is whole (Expect, refusals). Used by session_http.cpp.
#pragma once

#include <chrono>
#include <optional>

#include "client/inbound/http_proxy_codec.hpp"
#include "client/session.hpp"

namespace surang::client::session {

struct Site {
  OpenedConnection connection;
  Endpoint to;
  std::string input;  // read, not yet used
  std::uint64_t received = 0;
  std::chrono::steady_clock::time_point last_used = std::chrono::steady_clock::now();

  asio::awaitable<Result<std::size_t>> read_more();
  /// Alive, and with nothing to say: fit for another request.
  bool quiet() const;
};

// One request and its answer.
struct Exchange {
  HttpRequestReader request;
  ProxyRequest to;
  bool replayable = false;

  enum class End {
    open,            // not over
    done,            // answered to the end
    silent,          // the site ended without a word
    bad_answer,      // the site does not speak HTTP
    truncated,       // the site ended in the middle
    browser_failed,  // the browser can take no more
    switched,        // 101: raw bytes from here
  };
  End end = End::open;
  bool uploaded = false;     // the whole request has been sent
  bool bad_request = false;  // its body broke the framing
  bool answered = false;     // something went to the browser
  bool keep_browser = false, keep_site = false;
  std::chrono::steady_clock::time_point moved;  // the last byte in either direction
  error_code why;
};

/// Appends `content` of the request's body as it travels to the site, its end too when the request is whole.
void append_body(std::string& out, const HttpRequestReader& request, std::string_view content);

/// Sends the rest of the request and passes the answer on, until that is over, the browser is gone
/// (End::browser_failed), or nothing has moved for too long (SessionOptions; End::truncated and
/// Errc::timed_out, unless the browser had half gone). `x.end` is no longer `open` afterwards.
asio::awaitable<void> transfer(Session& session, Site& site, Exchange& x);

}  // namespace surang::client::session
