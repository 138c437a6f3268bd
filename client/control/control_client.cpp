#include "client/control/control_client.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/json/parse.hpp>
#include <exception>

#include "client/control/local_socket.hpp"

namespace surang::client {
namespace {

asio::awaitable<Result<ControlAnswer>> ask(Local::endpoint to, std::string method, std::string target) {
  Local::socket connection(co_await asio::this_coro::executor);
  const auto [refused] = co_await connection.async_connect(to, kTuple);
  if (refused) co_return refused;
  http::request<http::empty_body> request;
  request.version(11);
  request.method_string(method);
  request.target(target);
  request.set(http::field::host, "surang");
  request.keep_alive(false);
  request.prepare_payload();
  const auto [not_sent, sent] = co_await http::async_write(connection, request, kTuple);
  if (not_sent) co_return not_sent;
  boost::beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(64U * 1024 * 1024);
  const auto [not_read, got] = co_await http::async_read(connection, buffer, parser, kTuple);
  if (not_read) co_return not_read;
  ControlAnswer answer;
  answer.status = parser.get().result_int();
  error_code no_json;
  answer.body = boost::json::parse(parser.get().body(), no_json);
  if (no_json) co_return no_json;
  co_return std::move(answer);
}

}  // namespace

Result<ControlAnswer> ask_client(const std::filesystem::path& socket, const std::string& method,
                                 const std::string& target, std::chrono::milliseconds limit) {
  Result<ControlAnswer> answer = make_error_code(Errc::timed_out);
  std::exception_ptr failure;
  asio::io_context io(1);
  asio::co_spawn(io, ask(Local::endpoint(socket.string()), method, target),
                 [&](std::exception_ptr e, Result<ControlAnswer> told) {
                   failure = e;
                   if (!e) answer = std::move(told);
                 });
  io.run_for(limit);
  if (failure) std::rethrow_exception(failure);
  return answer;
}

}  // namespace surang::client
