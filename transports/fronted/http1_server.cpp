#include "transports/fronted/http1_server.hpp"

#include <array>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>
#include <charconv>

#include "transports/core/buffer.hpp"

namespace surang::fronted {
namespace {

namespace http = boost::beast::http;
using Parser = http::request_parser<http::buffer_body>;

constexpr const char* kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

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

  Result<std::size_t> try_read_body(asio::mutable_buffer into) override {
    if (broken_) return make_error_code(Errc::protocol);
    if (expects_continue_ && !answered_) return make_error_code(Errc::would_block);
    auto& body = parser_->get().body();
    body.data = into.data();
    body.size = into.size();
    auto& input = connection_.input;
    if (!input.empty()) input.erase(0, feed(input));
    while (body.size == into.size() && body.size > 0 && !broken_ && !parser_->is_done()) {
      ScratchBuffer block;
      const auto n = connection_.peer->try_read(block.all());
      if (!n) return n;
      if (*n == 0) return make_error_code(Errc::truncated);
      const std::string_view more(reinterpret_cast<const char*>(block.data()), *n);
      if (input.empty()) {
        input.assign(more.substr(feed(more)));
      } else {
        input.append(more);
        input.erase(0, feed(input));
      }
    }
    const auto got = into.size() - body.size;
    if (got == 0 && broken_) return make_error_code(Errc::protocol);
    return got;
  }

  asio::awaitable<Result<void>> wait_body() override {
    if (std::exchange(expects_continue_, false) && !answered_) {
      co_return co_await say(kContinue);  // what follows may be here already
    }
    co_return co_await connection_.peer->wait_readable();
  }

  asio::awaitable<Result<void>> answer(int status, const Fields& fields,
                                       std::optional<std::uint64_t> length) override {
    answered_ = true;
    // An answer beside the body: who asked whether to send that hears it here, since nobody else may write
    // now.
    const bool goes_on = !length && std::exchange(expects_continue_, false);
    const bool bodiless = status == 204 || head_.method == "HEAD";
    keeps_ = parser_->keep_alive() && !expects_continue_ && (chunked_ || length || bodiless);
    chunked_ = chunked_ && !length && !bodiless;
    std::string head = goes_on ? kContinue : "";
    head += "HTTP/1.1 " + std::to_string(status) + ' ' +
            std::string(http::obsolete_reason(http::int_to_status(static_cast<unsigned>(status))));
    for (const auto& [name, value] : fields) ((head += "\r\n") += name).append(": ").append(value);
    if (length && status != 204) head += "\r\nContent-Length: " + std::to_string(*length);
    if (chunked_) head += "\r\nTransfer-Encoding: chunked";
    head += keeps_ ? "\r\nConnection: keep-alive\r\n\r\n" : "\r\nConnection: close\r\n\r\n";
    if (!length || *length == 0 || bodiless) return say(std::move(head));
    unsaid_ = std::move(head);
    return said_later();
  }

  asio::awaitable<Result<void>> write_block(BodyBlock& block, std::size_t size) override {
    if (head_.method == "HEAD") co_return Result<void>{};  // is told of a body and given none
    if (!unsaid_.empty()) {
      unsaid_.append(reinterpret_cast<const char*>(block.room().data()), size);
      co_return co_await say(std::exchange(unsaid_, {}));
    }
    if (!chunked_ || size == 0) co_return co_await connection_.peer->write_all(block.between({}, size, {}));
    // Size line, bytes and line end in one write.
    std::array<char, BodyBlock::kBefore> line{};
    auto* end = std::to_chars(line.data(), line.data() + line.size() - 2, size, 16).ptr;
    *end++ = '\r';
    *end++ = '\n';
    const std::string_view before(line.data(), static_cast<std::size_t>(end - line.data()));
    co_return co_await connection_.peer->write_all(block.between(before, size, "\r\n"));
  }

  asio::awaitable<Result<void>> finish() override {
    finished_ = true;
    if (!unsaid_.empty()) co_return co_await say(std::exchange(unsaid_, {}));
    if (!chunked_) co_return Result<void>{};
    co_return co_await say("0\r\n\r\n");
  }

  // Whether another request may follow, when what the handler has left of the body is out of the way.
  bool keeps() const noexcept { return keeps_ && !broken_; }
  bool whole() const noexcept { return finished_; }

 private:
  static asio::awaitable<Result<void>> said_later() { co_return Result<void>{}; }
  asio::awaitable<Result<void>> say(std::string text) {
    co_return co_await connection_.peer->write_all(asio::buffer(text));
  }

  // The parser takes of the bytes what there is room for in the body's buffer, one piece (a chunk, its head)
  // after the other; says how many.
  std::size_t feed(std::string_view bytes) {
    const auto& body = parser_->get().body();
    std::size_t used = 0;
    while (used < bytes.size() && body.size > 0 && !parser_->is_done()) {
      boost::system::error_code ec;
      const auto n = parser_->put(asio::buffer(bytes.substr(used)), ec);
      used += n;
      broken_ = ec && ec != http::error::need_buffer && ec != http::error::need_more;
      if (broken_ || n == 0) break;
    }
    return used;
  }

  Connection& connection_;
  const std::unique_ptr<Parser> parser_;
  RequestHead head_;
  std::string unsaid_;  // the head of an answer, until the first of its body goes with it
  bool expects_continue_ = false, chunked_ = false, keeps_ = false;
  bool answered_ = false, finished_ = false, broken_ = false;
};

enum class Heard { head, nothing, garbage };

// The next request's head; what follows it stays in the input.
asio::awaitable<Heard> read_head(Connection& connection, Parser& parser, const Http1Limits& limits) {
  using std::chrono::steady_clock;
  auto until = steady_clock::now() + (connection.input.empty() ? limits.idle : limits.head);
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
    const auto n = co_await connection.peer->read_some_for(asio::buffer(block), until - steady_clock::now());
    if (!n || *n == 0) co_return Heard::nothing;
    connection.input.append(block, 0, *n);
    if (!std::exchange(begun, true)) until = steady_clock::now() + limits.head;
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
