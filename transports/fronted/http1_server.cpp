#include "transports/fronted/http1_server.hpp"

#include <algorithm>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>
#include <charconv>
#include <cstring>

#include "transports/core/buffer.hpp"

namespace surang::fronted {
namespace {

namespace http = boost::beast::http;
using Parser = http::request_parser<http::buffer_body>;

// What is left of the connection's input between two requests.
struct Connection {
  StreamPtr peer;
  std::string input;
};

class Http1Exchange final : public Exchange {
 public:
  Http1Exchange(Connection& connection, std::unique_ptr<Parser> parser)
      : connection_(connection), parser_(std::move(parser)) {
    const auto& message = parser_->get();
    head_.method = std::string(message.method_string());
    head_.target = std::string(message.target());
    const auto [first, last] = message.equal_range("X-Forwarded-For");
    for (auto field = first; field != last; ++field)
      (head_.forwarded_for += field == first ? "" : ",") += std::string_view(field->value());
    expects_continue_ = boost::beast::iequals(message[http::field::expect], "100-continue");
    chunked_ = message.version() >= 11;
  }

  const RequestHead& head() const noexcept override { return head_; }

  asio::awaitable<Result<std::size_t>> read_body(asio::mutable_buffer into) override {
    if (into.size() == 0) co_return std::size_t{0};
    if (std::exchange(expects_continue_, false) && !answered_) {
      const auto said = co_await say("HTTP/1.1 100 Continue\r\n\r\n");
      if (!said) co_return said.error();
    }
    auto& body = parser_->get().body();
    for (;;) {
      if (parser_->is_done()) co_return std::size_t{0};
      body.data = into.data();
      body.size = into.size();
      boost::system::error_code ec;
      const auto used = parser_->put(asio::buffer(connection_.input), ec);
      connection_.input.erase(0, used);
      const auto got = into.size() - body.size;
      if (ec && ec != http::error::need_buffer && ec != http::error::need_more) {
        broken_ = true;
        co_return make_error_code(Errc::protocol);
      }
      if (got > 0) co_return got;
      if (used > 0 && !connection_.input.empty()) continue;
      if (parser_->is_done()) co_return std::size_t{0};
      const auto more = co_await read_more();
      if (!more) co_return more.error();
    }
  }

  asio::awaitable<Result<void>> answer(int status, const Fields& fields,
                                       std::optional<std::uint64_t> length) override {
    answered_ = true;
    const bool bodiless = status == 204 || head_.method == "HEAD";
    keeps_ = parser_->keep_alive() && !expects_continue_ && (chunked_ || length || bodiless);
    chunked_ = chunked_ && !length && !bodiless;
    std::string head = "HTTP/1.1 " + std::to_string(status) + ' ' +
                       std::string(http::obsolete_reason(http::int_to_status(static_cast<unsigned>(status))));
    for (const auto& [name, value] : fields) ((head += "\r\n") += name).append(": ").append(value);
    if (length && status != 204) head += "\r\nContent-Length: " + std::to_string(*length);
    if (chunked_) head += "\r\nTransfer-Encoding: chunked";
    head += keeps_ ? "\r\nConnection: keep-alive\r\n\r\n" : "\r\nConnection: close\r\n\r\n";
    return say(std::move(head));
  }

  asio::awaitable<Result<void>> write_body(asio::const_buffer from) override {
    if (!chunked_ || from.size() == 0) co_return co_await connection_.peer->write_all(from);
    // Size line, bytes and line end in one write each: what is left of a scratch block is room for them.
    ScratchBuffer block;
    constexpr std::size_t kLine = 16;
    while (from.size() > 0) {
      const auto n = std::min(from.size(), ScratchBuffer::kSize - 2 * kLine);
      char line[kLine];
      auto* end = std::to_chars(line, line + kLine, n, 16).ptr;
      *end++ = '\r';
      *end++ = '\n';
      const auto size = static_cast<std::size_t>(end - line);
      std::memcpy(block.data(), line, size);
      std::memcpy(block.data() + size, from.data(), n);
      std::memcpy(block.data() + size + n, "\r\n", 2);
      const auto said = co_await connection_.peer->write_all(asio::buffer(block.data(), size + n + 2));
      if (!said) co_return said;
      from += n;
    }
    co_return Result<void>{};
  }

  asio::awaitable<Result<void>> finish() override {
    finished_ = true;
    if (!chunked_) co_return Result<void>{};
    co_return co_await say("0\r\n\r\n");
  }

  // Whether another request may follow, when what the handler has left of the body is out of the way.
  bool keeps() const noexcept { return keeps_ && !broken_; }
  bool whole() const noexcept { return finished_; }

 private:
  asio::awaitable<Result<void>> say(std::string text) {
    co_return co_await connection_.peer->write_all(asio::buffer(text));
  }

  asio::awaitable<Result<void>> read_more() {
    ScratchBuffer block;
    const auto n = co_await connection_.peer->read_some(block.all());
    if (!n) co_return n.error();
    if (*n == 0) co_return make_error_code(Errc::truncated);
    connection_.input.append(reinterpret_cast<const char*>(block.data()), *n);
    co_return Result<void>{};
  }

  Connection& connection_;
  const std::unique_ptr<Parser> parser_;
  RequestHead head_;
  bool expects_continue_ = false, chunked_ = false, keeps_ = false;
  bool answered_ = false, finished_ = false, broken_ = false;
};

enum class Heard { head, nothing, garbage };

// The next request's head; what follows it stays in the input.
asio::awaitable<Heard> read_head(Connection& connection, Parser& parser, const Http1Limits& limits) {
  using Clock = std::chrono::steady_clock;
  auto until = Clock::now() + (connection.input.empty() ? limits.idle : limits.head);
  bool begun = !connection.input.empty();
  std::string block(4096, '\0');
  for (;;) {
    if (!connection.input.empty()) {
      boost::system::error_code ec;
      const auto used = parser.put(asio::buffer(connection.input), ec);
      connection.input.erase(0, used);
      if (ec && ec != http::error::need_more) co_return Heard::garbage;
      if (parser.is_header_done()) co_return Heard::head;
    }
    const auto n = co_await connection.peer->read_some_for(asio::buffer(block), until - Clock::now());
    if (!n || *n == 0) co_return Heard::nothing;
    connection.input.append(block, 0, *n);
    if (!std::exchange(begun, true)) until = Clock::now() + limits.head;
  }
}

}  // namespace

asio::awaitable<void> serve_http1(StreamPtr peer, std::string already_read, Http1Limits limits,
                                  std::function<asio::awaitable<void>(Exchange&)> handle) {
  Connection connection{std::move(peer), std::move(already_read)};
  for (;;) {
    auto parser = std::make_unique<Parser>();
    parser->header_limit(limits.head_bytes);
    parser->body_limit(boost::none);
    const auto heard = co_await read_head(connection, *parser, limits);
    if (heard == Heard::garbage) {
      const std::string answer = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
      (void)co_await connection.peer->write_all(asio::buffer(answer));
    }
    if (heard != Heard::head) break;
    Http1Exchange exchange(connection, std::move(parser));
    co_await handle(exchange);
    // Without a length only a reset shows that an answer was cut.
    if (!exchange.whole()) co_return connection.peer->close(true);
    if (!exchange.keeps()) break;
    const bool drained = co_await drain(exchange);
    if (!drained) break;
  }
  (void)co_await connection.peer->shutdown_write();
}

}  // namespace surang::fronted
