#include "bridge-server/control/control_server.hpp"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <string>

#include "transports/core/task_group.hpp"
#include "transports/core/timeout.hpp"

namespace surang::bridge {

namespace asio = boost::asio;
using asio::local::stream_protocol;

namespace {

constexpr std::size_t kLongestRequest = 64 * 1024;
constexpr auto kRequestLimit = std::chrono::seconds(5);
constexpr auto kAcceptPause = std::chrono::milliseconds(200);

}  // namespace

struct ControlServer::Impl {
  Impl(asio::io_context& context, std::filesystem::path file, Answer how)
      : io(context), path(std::move(file)), answer(std::move(how)), tasks(io.get_executor()), acceptor(io) {}

  asio::awaitable<void> accept_loop() {
    while (acceptor.is_open()) {
      error_code ec;
      stream_protocol::socket peer =
          co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, ec));
      if (ec == asio::error::operation_aborted) co_return;
      if (!ec) {
        tasks.spawn(handle(std::move(peer)));
      } else {  // out of descriptors: the caller stays in the queue
        asio::steady_timer pause(io, kAcceptPause);
        co_await pause.async_wait(asio::use_awaitable);
      }
    }
  }

  asio::awaitable<void> handle(stream_protocol::socket peer) {
    // A caller that goes away or says nothing is its own loss.
    (void)co_await with_timeout(kRequestLimit, exchange(peer));
  }

  asio::awaitable<Result<void>> exchange(stream_protocol::socket& peer) {
    std::string line;
    error_code ec;
    const auto size = co_await asio::async_read_until(peer, asio::dynamic_buffer(line, kLongestRequest), '\n',
                                                      asio::redirect_error(asio::use_awaitable, ec));
    if (ec) co_return ec;
    const auto request = boost::json::parse(std::string_view(line).substr(0, size), ec);
    boost::json::object reply{{"error", "the request is not a JSON object"}};
    if (!ec && request.is_object()) reply = answer(request.get_object());
    const std::string text = boost::json::serialize(reply) + "\n";
    co_await asio::async_write(peer, asio::buffer(text), asio::redirect_error(asio::use_awaitable, ec));
    if (ec) co_return ec;
    co_return Result<void>{};
  }

  asio::io_context& io;
  std::filesystem::path path;
  Answer answer;
  TaskGroup tasks;
  stream_protocol::acceptor acceptor;
  bool bound = false;
};

ControlServer::ControlServer(asio::io_context& io, std::filesystem::path socket, Answer answer)
    : impl_(std::make_unique<Impl>(io, std::move(socket), std::move(answer))) {}

ControlServer::~ControlServer() {
  stop();
}

Result<void> ControlServer::start() {
  error_code ec;
  const stream_protocol::endpoint endpoint(impl_->path.string());
  stream_protocol::socket probe(impl_->io);
  probe.connect(endpoint, ec);
  if (!ec) return error_code(asio::error::address_in_use);
  std::error_code ignored;
  std::filesystem::remove(impl_->path, ignored);
  impl_->acceptor.open(endpoint.protocol(), ec);
  if (!ec) impl_->acceptor.bind(endpoint, ec);
  if (ec) return ec;
  impl_->bound = true;
  // The folder is 0700 already; this keeps the socket private should somebody open the folder.
  std::filesystem::permissions(impl_->path, std::filesystem::perms(0600), ignored);
  if (impl_->acceptor.listen(16, ec); ec) return ec;
  impl_->tasks.spawn(impl_->accept_loop());
  return {};
}

void ControlServer::stop() {
  if (!impl_->bound) return;
  impl_->bound = false;
  error_code ec;
  impl_->acceptor.close(ec);
  impl_->tasks.cancel();
  std::error_code ignored;
  std::filesystem::remove(impl_->path, ignored);
}

}  // namespace surang::bridge
