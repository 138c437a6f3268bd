// The bridge's end of fronted, asked over memory as an edge asks: HTTP/1.1 written by hand, answers read by
// Boost.Beast.
#pragma once

#include <doctest.h>

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <ctime>
#include <string>

#include "tests/support/hex.hpp"
#include "tests/support/memory_stream.hpp"
#include "tests/support/run.hpp"
#include "tests/support/stream_words.hpp"
#include "transports/core/endpoint.hpp"
#include "transports/fronted/http1_server.hpp"
#include "transports/fronted/origin.hpp"

namespace surang::fronted::rig {

inline const auto kBridge = test::counting<32>(0x40);

inline UserKey user(std::uint8_t from = 1) {
  UserKey out;
  out.id.bytes = test::counting<8>(from);
  out.secret = test::counting<32>(from);
  return out;
}

class Users final : public UserDirectory {
 public:
  std::optional<UserKey> find(const UserId& id) const override {
    if (removed || id != user().id) return std::nullopt;
    return user();
  }
  bool removed = false;
};

struct Answer {
  int status = 0;  ///< 0: there was none
  std::string body;
  bool whole = false;
  std::string text;  ///< as it came
};

class Rig {
 public:
  explicit Rig(asio::io_context& io, OriginLimits limits = {}, std::size_t chunk = SIZE_MAX)
      : chunk_(chunk),
        executor_(io.get_executor()),
        origin(executor_, kBridge, users, limits, counters,
               [this](StreamPtr s, UserKey who, SessionName n, const asio::ip::address& from) {
                 begun.push_back({who.id, n});
                 begun_from.push_back(from.to_string());
                 return serve ? serve(std::move(s)) : echo(std::move(s));
               }),
        tasks(executor_) {}

  /// A request's target for `note`, in the name of `who`.
  static std::string target(const SessionName& session, const Note& note, std::size_t padding = 20,
                            const UserKey& who = user()) {
    const UserNames names(who);
    return to_text({names.place, session, seal_note(names.note_key, session, note, padding)});
  }

  static SessionName name() { return draw_session_name(user().id, kBridge); }
  static Note note(Note::Kind kind, std::uint64_t up = 0, std::uint64_t down = 0) {
    Note out;
    out.kind = kind;
    out.time = std::time(nullptr);
    out.up = up;
    out.down = down;
    return out;
  }

  /// A connection to the origin.
  StreamPtr connect() {
    auto [near, far] = test::memory_stream_pair(executor_, chunk_);
    tasks.spawn(serve_http1(std::move(far), {}, http_limits, [this](Exchange& e) { return take(e); }));
    return std::move(near);
  }

  static std::string request(std::string_view method, std::string_view target, std::string_view body = {}) {
    std::string out(method);
    ((out += ' ') += target) += " HTTP/1.1\r\nHost: bridge.test\r\nConnection: close\r\n";
    if (method == "POST") out += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return (out += "\r\n") += body;
  }

  static Answer parse(std::string text) {
    namespace http = boost::beast::http;
    http::response_parser<http::string_body> parser;
    parser.body_limit(boost::none);
    Answer out;
    out.text = std::move(text);
    boost::system::error_code ec;
    parser.eager(true);
    std::string_view left = out.text;
    while (!left.empty() && !parser.is_done()) {
      const auto used = parser.put(asio::buffer(left), ec);
      left.remove_prefix(used);
      if (ec || used == 0) break;
    }
    if (!parser.is_header_done()) return out;
    boost::system::error_code ended;
    if (!parser.is_done() && !ec) parser.put_eof(ended);
    out.status = parser.get().result_int();
    out.whole = parser.is_done();
    out.body = parser.get().body();
    return out;
  }

  asio::awaitable<Answer> ask(std::string text) {
    const auto edge = connect();
    co_await test::put(*edge, std::move(text));
    auto heard = co_await test::read_to_end(*edge);
    co_return parse(std::move(heard));
  }

  asio::awaitable<Answer> post(SessionName session, Note note, std::string body) {
    auto text = request("POST", target(session, note), body);
    auto answer = co_await ask(std::move(text));
    co_return std::move(answer);
  }
  asio::awaitable<Answer> get(SessionName session, std::uint64_t from) {
    auto text = request("GET", target(session, note(Note::Kind::down, 0, from)));
    auto answer = co_await ask(std::move(text));
    co_return std::move(answer);
  }

  /// How far the bridge says it has come.
  static std::optional<std::uint64_t> received(const SessionName& session, const Answer& answer) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(answer.body.data());
    const auto note = open_note(UserNames(user()).note_key, session, {bytes, answer.body.size()});
    if (!note || note->kind != Note::Kind::received) return std::nullopt;
    return note->up;
  }

 private:
  asio::awaitable<void> take(Exchange& exchange) {
    Caller caller;
    if (const auto named = address_literal(exchange.head().forwarded_for)) caller.address = *named;
    caller.known = [this] { ++known; };
    forwarded.push_back(exchange.head().forwarded_for);
    return origin.serve(exchange, std::move(caller));
  }
  static asio::awaitable<void> echo(StreamPtr stream) { co_await test::echo(*stream); }

  std::size_t chunk_;
  asio::any_io_executor executor_;

 public:
  Users users;
  OriginCounters counters;
  Http1Limits http_limits;
  std::function<asio::awaitable<void>(StreamPtr)> serve;  ///< what a session does; an echo when empty
  std::vector<std::pair<UserId, SessionName>> begun;
  std::vector<std::string> begun_from, forwarded;
  int known = 0;  ///< requests that turned out to be a user's
  Origin origin;
  TaskGroup tasks;
};

}  // namespace surang::fronted::rig
