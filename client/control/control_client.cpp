#include "client/control/control_client.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/json/parse.hpp>

namespace surang::client {

namespace http = boost::beast::http;
using Local = boost::asio::local::stream_protocol;

Result<ControlAnswer> ask_client(const std::filesystem::path& socket, const std::string& method,
                                 const std::string& target) {
  boost::asio::io_context io(1);
  Local::socket connection(io);
  error_code ec;
  connection.connect(Local::endpoint(socket.string()), ec);
  if (ec) return ec;
  http::request<http::empty_body> request;
  request.version(11);
  request.method_string(method);
  request.target(target);
  request.set(http::field::host, "surang");
  request.keep_alive(false);
  request.prepare_payload();
  http::write(connection, request, ec);
  if (ec) return ec;
  boost::beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(64U * 1024 * 1024);
  http::read(connection, buffer, parser, ec);
  if (ec) return ec;
  ControlAnswer answer;
  answer.status = parser.get().result_int();
  answer.body = boost::json::parse(parser.get().body(), ec);
  if (ec) return ec;
  return answer;
}

}  // namespace surang::client
