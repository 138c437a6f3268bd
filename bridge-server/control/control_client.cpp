#include "bridge-server/control/control_client.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <string>

#include "transports/core/timeout.hpp"

namespace surang::bridge {
namespace {

namespace asio = boost::asio;
using asio::local::stream_protocol;

asio::awaitable<Result<boost::json::object>> exchange(std::string path, std::string request) {
  stream_protocol::socket socket(co_await asio::this_coro::executor);
  error_code ec;
  co_await socket.async_connect(stream_protocol::endpoint(path),
                                asio::redirect_error(asio::use_awaitable, ec));
  if (ec) co_return ec;
  co_await asio::async_write(socket, asio::buffer(request), asio::redirect_error(asio::use_awaitable, ec));
  if (ec) co_return ec;
  std::string line;
  co_await asio::async_read_until(socket, asio::dynamic_buffer(line, 16 * 1024 * 1024), '\n',
                                  asio::redirect_error(asio::use_awaitable, ec));
  if (ec) co_return ec;
  auto reply = boost::json::parse(line, ec);
  if (ec || !reply.is_object()) co_return make_error_code(Errc::protocol);
  co_return std::move(reply.get_object());
}

}  // namespace

Result<boost::json::object> ask_running_bridge(const std::filesystem::path& socket,
                                               const boost::json::object& request) {
  asio::io_context io(1);
  Result<boost::json::object> reply = make_error_code(Errc::timed_out);
  asio::co_spawn(io,
                 with_timeout(std::chrono::seconds(3),
                              exchange(socket.string(), boost::json::serialize(request) + "\n")),
                 [&](std::exception_ptr failure, Result<boost::json::object> got) {
                   if (failure) std::rethrow_exception(failure);
                   reply = std::move(got);
                 });
  io.run();
  return reply;
}

}  // namespace surang::bridge
