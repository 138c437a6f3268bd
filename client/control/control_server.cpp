#include "client/control/control_server.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/json/serialize.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <memory>

#include "client/control/local_socket.hpp"
#include "transports/core/timeout.hpp"

namespace surang::client {
namespace {

constexpr std::chrono::seconds kIdle{30};

using Request = http::request<http::string_body>;

bool parse(const Request& from, ControlRequest& to) {
  const auto url =
      boost::urls::parse_origin_form(std::string_view(from.target().data(), from.target().size()));
  if (!url) return false;
  to.method = std::string(from.method_string());
  to.path = std::string(url->encoded_path());
  for (const auto& param : url->params()) to.query[param.key] = param.value;
  return true;
}

asio::awaitable<Result<void>> read_request(Local::socket& socket, boost::beast::flat_buffer& buffer,
                                           Request& into) {
  http::request_parser<http::string_body> parser;
  parser.header_limit(8192);
  parser.body_limit(64 * 1024);
  auto [ec, n] = co_await http::async_read(socket, buffer, parser, kTuple);
  if (ec) co_return ec;
  into = parser.release();
  co_return Result<void>{};
}

asio::awaitable<void> serve(std::unique_ptr<Local::socket> socket, ControlServer::Handler handler) {
  boost::beast::flat_buffer buffer;
  for (;;) {
    Request request;
    const auto ok = co_await with_timeout(kIdle, read_request(*socket, buffer, request));
    if (!ok) co_return;
    ControlAnswer answer;
    ControlRequest asked;
    if (parse(request, asked)) {
      answer = co_await handler(std::move(asked));
    } else {
      answer.status = 400;
      answer.body = boost::json::object{{"error", "not a request target"}};
    }
    http::response<http::string_body> response(static_cast<http::status>(answer.status), 11);
    response.set(http::field::content_type, "application/json");
    response.set(http::field::cache_control, "no-store");
    response.keep_alive(request.keep_alive());
    response.body() = boost::json::serialize(answer.body) + "\n";
    response.prepare_payload();
    auto [ec, n] = co_await http::async_write(*socket, response, kTuple);
    if (ec || !request.keep_alive()) co_return;
  }
}

}  // namespace

std::filesystem::path control_socket(const std::filesystem::path& state_dir) {
  return state_dir / "control.sock";
}

Result<void> ControlServer::open(const std::filesystem::path& socket, std::string& why) {
  error_code ec;
  const auto failed = [&](std::string text) {
    why = std::move(text);
    error_code ignored;
    acceptor_.close(ignored);
    return ec;
  };
  constexpr std::size_t kLongest = 107;  // sockaddr_un
  if (socket.string().size() > kLongest) {
    ec = make_error_code(Errc::bad_input);
    return failed("the path " + socket.string() + " is too long for a socket; choose a shorter state_dir");
  }
  const Local::endpoint at(socket.string());
  {
    Local::socket other(acceptor_.get_executor());
    other.connect(at, ec);
    if (!ec) {
      ec = asio::error::address_in_use;
      return failed("Surang is already running with the state in " + socket.parent_path().string() +
                    " (`surang status` tells more)");
    }
  }
  std::error_code ignored;
  std::filesystem::remove(socket, ignored);
  ec.clear();
  acceptor_.open(at.protocol(), ec);
  if (!ec) acceptor_.bind(at, ec);
  if (!ec) {
    // Nobody can connect before listen(), so nobody sees it with wider permissions.
    std::error_code mode;
    std::filesystem::permissions(
        socket, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write, mode);
    ec = mode;
  }
  if (!ec) acceptor_.listen(asio::socket_base::max_listen_connections, ec);
  if (ec) return failed("cannot make the control socket " + socket.string() + ": " + ec.message());
  socket_ = socket;
  return {};
}

asio::awaitable<void> ControlServer::run(TaskGroup& tasks, Handler handler) {
  while (acceptor_.is_open()) {
    auto [ec, socket] = co_await acceptor_.async_accept(kTuple);
    if (ec == asio::error::operation_aborted || !acceptor_.is_open()) co_return;
    if (ec) {
      asio::steady_timer pause(acceptor_.get_executor(), std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::use_awaitable);
      continue;
    }
    tasks.spawn(serve(std::make_unique<Local::socket>(std::move(socket)), handler));
  }
}

void ControlServer::close() {
  if (!acceptor_.is_open()) return;
  error_code ignored;
  acceptor_.close(ignored);
  std::error_code gone;
  std::filesystem::remove(socket_, gone);
}

}  // namespace surang::client
