#include "client/dns/doh_http1.hpp"

#include <array>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/vector_body.hpp>

namespace surang::client {

asio::awaitable<Result<std::vector<DnsBytes>>> doh_over_http1(Stream& stream, std::string host,
                                                              std::string path,
                                                              std::vector<DnsBytes> queries) {
  namespace http = boost::beast::http;
  std::vector<DnsBytes> answers;
  std::vector<std::uint8_t> read;  // of the answer, not parsed yet
  for (const auto& query : queries) {
    std::string head = "POST ";
    head.append(path).append(" HTTP/1.1\r\nHost: ").append(host);
    head +=
        "\r\nAccept: application/dns-message\r\nContent-Type: application/dns-message\r\nContent-Length: ";
    head.append(std::to_string(query.size())).append("\r\n\r\n");
    std::vector<std::uint8_t> request(head.begin(), head.end());
    request.insert(request.end(), query.begin(), query.end());
    const auto written = co_await stream.write_all(asio::buffer(request));
    if (!written) co_return written.error();

    http::response_parser<http::vector_body<std::uint8_t>> parser;
    parser.header_limit(16 * 1024);
    parser.body_limit(64 * 1024);
    parser.eager(true);
    std::array<std::uint8_t, 4096> block;
    while (!parser.is_done()) {
      error_code ec;
      if (!read.empty()) {
        const auto used = parser.put(asio::buffer(read), ec);
        read.erase(read.begin(), read.begin() + static_cast<std::ptrdiff_t>(used));
        if (ec && ec != http::error::need_more) co_return make_error_code(Errc::protocol);
        if (parser.is_done()) break;
      }
      const auto n = co_await stream.read_some(asio::buffer(block));
      if (!n) co_return n.error();
      if (*n == 0) {
        parser.put_eof(ec);
        if (ec || !parser.is_done()) co_return make_error_code(Errc::truncated);
        break;
      }
      read.insert(read.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(*n));
    }
    if (parser.get().result() != http::status::ok) co_return make_error_code(Errc::protocol);
    answers.push_back(parser.get().body());
  }
  co_return answers;
}

}  // namespace surang::client
