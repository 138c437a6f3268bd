#include "transports/fronted/http2_server.hpp"

#include <memory>
#include <utility>

#include "transports/core/task_group.hpp"
#include "transports/tunnel/h2_session.hpp"

namespace surang::fronted {
namespace {

using tunnel::H2Request;
using tunnel::H2Stream;

class Http2Exchange final : public Exchange {
 public:
  Http2Exchange(H2Request request, std::unique_ptr<H2Stream> stream) : stream_(std::move(stream)) {
    head_.method = std::move(request.method);
    head_.target = std::move(request.path);
    head_.forwarded_for = std::move(request.forwarded_for);
  }
  ~Http2Exchange() override {
    if (!finished_) stream_->close(true);
  }

  const RequestHead& head() const noexcept override { return head_; }

  Result<std::size_t> try_read_body(asio::mutable_buffer into) override {
    const auto n = stream_->try_read(into);
    if (n || n.error() == Errc::would_block) return n;
    return make_error_code(Errc::truncated);
  }
  asio::awaitable<Result<void>> wait_body() override { return stream_->wait_readable(); }

  asio::awaitable<Result<void>> answer(int status, const Fields& fields,
                                       std::optional<std::uint64_t> length) override {
    std::vector<std::string> names;
    names.reserve(fields.size());
    std::vector<tunnel::H2Field> all;
    for (const auto& [name, value] : fields) {
      auto& lower = names.emplace_back(name);
      for (auto& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
      all.emplace_back(lower, value);
    }
    const std::string size = std::to_string(length.value_or(0));
    const bool bodiless = status == 204 || head_.method == "HEAD";
    if (length && status != 204) all.emplace_back("content-length", size);
    stream_->respond(status, all, !bodiless);
    co_return Result<void>{};
  }

  asio::awaitable<Result<void>> write_block(BodyBlock& block, std::size_t size) override {
    return stream_->write_all(block.between({}, size, {}));
  }

  asio::awaitable<Result<void>> finish() override {
    finished_ = true;
    co_return co_await stream_->shutdown_write();
  }

  bool whole() const noexcept { return finished_; }

 private:
  const std::unique_ptr<H2Stream> stream_;
  RequestHead head_;
  bool finished_ = false;
};

class Server final : public tunnel::H2Observer {
 public:
  using Handle = std::function<asio::awaitable<void>(Exchange&)>;

  Server(StreamPtr peer, Handle handle)
      : handle_(std::move(handle)), tasks_(peer->executor()), h2_(std::move(peer), options(), this) {}

  asio::awaitable<void> run() {
    // What deals with requests works with this.
    (void)co_await tasks_.end_with(h2_.run());
  }

  void on_request(H2Request request, std::unique_ptr<H2Stream> stream) override {
    tasks_.spawn(deal_with(std::move(request), std::move(stream)));
  }

 private:
  static tunnel::H2Options options() {
    tunnel::H2Options out;
    out.server = true;
    out.padded_frames = 0;
    out.max_streams = 256;
    out.floods = {.resets = 6000, .pings = 600, .settings = 60, .empty_data = 1000, .useless = 10000};
    out.dead_peer_limit = std::chrono::seconds(30);
    out.keep_alive = std::chrono::seconds(60);
    return out;
  }

  asio::awaitable<void> deal_with(H2Request request, std::unique_ptr<H2Stream> stream) {
    Http2Exchange exchange(std::move(request), std::move(stream));
    co_await handle_(exchange);
    // A reset for the sake of what is unread would overtake the answer.
    if (exchange.whole()) (void)co_await drain(exchange);
  }

  const Handle handle_;
  TaskGroup tasks_;
  tunnel::H2Session h2_;
};

}  // namespace

asio::awaitable<void> serve_http2(StreamPtr peer, std::function<asio::awaitable<void>(Exchange&)> handle) {
  Server server(std::move(peer), std::move(handle));
  co_await server.run();
}

}  // namespace surang::fronted
