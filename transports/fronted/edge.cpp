#include "transports/fronted/edge.hpp"

#include <utility>

#include "transports/core/timeout.hpp"
#include "transports/tcp/carrier.hpp"

namespace surang::fronted {
namespace {

constexpr std::chrono::seconds kConnectLimit{10};
constexpr std::string_view kUserAgent =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 "
    "Safari/537.36";

tunnel::H2Options options() {
  tunnel::H2Options out;
  out.plain_answers = true;
  out.padded_frames = 0;  // edges are asked as browsers ask
  out.max_streams = 100;
  out.max_header_bytes = 64 * 1024;
  out.coalesce = std::chrono::milliseconds(0);
  return out;
}

}  // namespace

struct Edge::Connection {
  explicit Connection(StreamPtr stream) : h2(std::move(stream), options(), nullptr) {}
  tunnel::H2Session h2;
};

namespace {

tls::ServerNames names_of(const Front& front) {
  return {front.sni, front.verified};
}

std::vector<std::string> alpn() {
  return {"h2", "http/1.1"};
}

// The edge may be gone by then.
asio::awaitable<void> run(std::shared_ptr<tunnel::H2Session> h2) {
  (void)co_await h2->run();
}

}  // namespace

tls::SslPtr make_client(SSL_CTX* context, const Front& front) {
  return tls::make_client(context, names_of(front), alpn());
}

Edge::Edge(asio::any_io_executor executor, Dialer& tcp, std::shared_ptr<SSL_CTX> context, Front front)
    : executor_(std::move(executor)),
      tcp_(tcp),
      context_(std::move(context)),
      front_(std::move(front)),
      tasks_(executor_) {}

Edge::~Edge() = default;

asio::awaitable<Result<void>> Edge::reach() {
  const auto connection = co_await connected();
  if (!connection) co_return connection.error();
  co_return Result<void>{};
}

asio::awaitable<Result<Edge::Request>> Edge::ask(std::string_view method, std::string path, bool with_body) {
  const auto connection = co_await connected();
  if (!connection) co_return connection.error();
  const std::array<std::pair<std::string_view, std::string_view>, 4> fields{{
      {"user-agent", kUserAgent},
      {"accept", "*/*"},
      {"cache-control", "no-cache"},
      {"content-type", "application/octet-stream"},
  }};
  tunnel::H2Head head;
  head.method = method;
  head.authority = authority_;
  const auto whole = front_.prefix + path;
  head.path = whole;
  head.fields = std::span(fields).first(with_body ? 4 : 3);
  co_return (*connection)->h2.ask(head, with_body);
}

asio::awaitable<Result<std::shared_ptr<Edge::Connection>>> Edge::connected() {
  for (;;) {
    if (connection_ && connection_->h2.usable()) co_return connection_;
    if (!connecting_) break;
    co_await connected_.wait(executor_);
    if (!connecting_ && last_error_) co_return last_error_;  // of the attempt that was waited for
  }
  connecting_ = true;
  struct Done {
    Edge& edge;
    ~Done() {
      edge.connecting_ = false;
      edge.connected_.notify();
    }
  };
  const Done done{*this};
  last_error_ = make_error_code(Errc::no_route);  // unless it comes to an end
  auto made = co_await with_timeout(kConnectLimit, connect());
  last_error_ = made ? error_code() : made.error();
  if (!made) co_return made.error();
  if (connection_) connection_->h2.drain();
  connection_ = *made;
  ++connections_;
  tasks_.spawn(run({connection_, &connection_->h2}));
  co_return connection_;
}

asio::awaitable<Result<void>> Edge::next_connection() {
  for (const auto before = connections_; connections_ == before;) co_await connected_.wait(executor_);
  co_return Result<void>{};
}

asio::awaitable<Result<std::shared_ptr<Edge::Connection>>> Edge::connect() {
  auto raw = co_await dial_carrier(tcp_, front_.addresses, front_.port);
  if (!raw) co_return raw.error();
  auto names = names_of(front_);
  auto secured = co_await tls::connect_verified(std::move(*raw), context_, std::move(names), alpn());
  if (!secured) co_return secured.error();
  const unsigned char* chosen = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected((*secured)->ssl(), &chosen, &size);
  if (std::string_view(reinterpret_cast<const char*>(chosen), size) != "h2")
    co_return make_error_code(Errc::protocol);
  co_return std::make_shared<Connection>(std::move(*secured));
}

bool Edge::asks_beside(const tunnel::H2Stream& request) const noexcept {
  return connection_ && connection_->h2.usable() && connection_->h2.has(request);
}

asio::awaitable<void> Edge::close() {
  tasks_.cancel();
  co_await tasks_.join();
}

}  // namespace surang::fronted
