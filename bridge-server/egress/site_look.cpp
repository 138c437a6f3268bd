#include "bridge-server/egress/site_look.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "transports/core/timeout.hpp"
#include "transports/tls/tls_stream.hpp"

namespace surang::bridge {
namespace {

namespace http = boost::beast::http;
using Clock = std::chrono::steady_clock;
using tunnel::ReachAnswer;
using tunnel::Reached;

constexpr std::size_t kLooked = 4096;
constexpr std::uint32_t kMostHead = 16 * 1024;

Reached reached(const error_code& why) {
  if (why == Errc::timed_out || why == asio::error::timed_out) return Reached::timed_out;
  const bool ended = why == Errc::truncated || why == asio::error::eof ||
                     why == asio::error::connection_reset || why == asio::error::broken_pipe;
  return ended ? Reached::closed : Reached::failed;
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

// `mark` in lower case.
std::size_t find_mark(std::string_view text, std::string_view mark, std::size_t from = 0) {
  if (from > text.size()) return text.npos;
  const auto at = std::search(text.begin() + static_cast<std::ptrdiff_t>(from), text.end(), mark.begin(),
                              mark.end(), [](char a, char b) { return lower(a) == b; });
  return at == text.end() ? text.npos : static_cast<std::size_t>(at - text.begin());
}

std::string request_for(const Endpoint& to) {
  auto host = to.to_string();
  if (to.port() == 80) host.resize(host.rfind(':'));
  return "GET / HTTP/1.1\r\nHost: " + host +
         "\r\nUser-Agent: Mozilla/5.0\r\nAccept: text/html,*/*\r\nConnection: close\r\n\r\n";
}

using Parser = http::response_parser<http::string_body>;

// Gives what has come to the parser. False when it is no HTTP.
bool feed(Parser& parser, std::string& input) {
  boost::system::error_code ec;
  while (!input.empty() && !parser.is_done() && parser.get().body().size() < kLooked) {
    const auto used = parser.put(asio::buffer(input), ec);
    input.erase(0, used);
    if (ec == http::error::need_more || (!ec && used == 0)) return true;
    if (ec) return false;
  }
  return true;
}

void summarise(Parser& parser, ReachAnswer::Http& into) {
  const auto& message = parser.get();
  into.status = static_cast<int>(message.result_int());
  if (into.status < 100) {  // no status (RFC 9110 15)
    into.status = 0;
    return;
  }
  into.result = Reached::done;
  const auto place = message[http::field::location];
  into.location = location_host({place.data(), place.size()});
  if (const auto length = parser.content_length()) into.length = *length;
  const std::string_view body = std::string_view(message.body()).substr(0, kLooked);
  into.title = page_title(body);
  SHA256(reinterpret_cast<const unsigned char*>(body.data()), body.size(), into.head.data());
}

}  // namespace

std::string location_host(std::string_view location) {
  const auto slashes = location.find("//");
  if (slashes > std::string_view("https:").size()) return {};  // or there are none
  auto scheme = std::string(location.substr(0, slashes));
  std::ranges::transform(scheme, scheme.begin(), lower);
  if (!scheme.empty() && scheme != "http:" && scheme != "https:") return {};
  auto authority = location.substr(slashes + 2);
  authority = authority.substr(0, authority.find_first_of("/?#\\"));
  if (const auto at = authority.rfind('@'); at != authority.npos) authority.remove_prefix(at + 1);
  const auto made = Endpoint::parse(authority, 80);
  return made ? made->host() : std::string();
}

std::string page_title(std::string_view html) {
  const auto tag = find_mark(html, "<title");
  const auto begin = tag == html.npos ? html.npos : html.find('>', tag);
  if (begin == html.npos) return {};
  const auto end = find_mark(html, "</title", begin);
  return tunnel::clean_text(html.substr(begin + 1, end == html.npos ? end : end - begin - 1));
}

asio::awaitable<ReachAnswer::Tls> look_at_tls(StreamPtr site, Endpoint to, std::shared_ptr<SSL_CTX> roots,
                                              Clock::time_point until) {
  ReachAnswer::Tls seen;
  auto looking = tls::look_at_certificate(std::move(site), std::move(roots), to.host());
  const auto shown = co_await with_timeout(until - Clock::now(), std::move(looking));
  if (!shown) {
    seen.result = reached(shown.error());
    co_return seen;
  }
  seen.result = Reached::done;
  seen.verified = shown->verified;
  seen.problem = tunnel::clean_text(shown->problem);
  seen.leaf = shown->leaf;
  seen.key = shown->key;
  co_return seen;
}

asio::awaitable<ReachAnswer::Http> look_at_http(StreamPtr site, Endpoint to, Clock::time_point until) {
  ReachAnswer::Http seen;
  const auto request = request_for(to);
  auto writing = site->write_all(asio::buffer(request));
  const auto sent = co_await with_timeout(until - Clock::now(), std::move(writing));
  if (!sent) {
    seen.result = reached(sent.error());
    co_return seen;
  }
  Parser parser;
  parser.eager(true);
  parser.header_limit(kMostHead);
  parser.body_limit(boost::none);  // the connection's own bound holds
  std::string input;
  std::array<char, 4096> block;
  error_code ended = asio::error::eof;
  while (!parser.is_done() && parser.get().body().size() < kLooked) {
    const auto n = co_await site->read_some_for(asio::buffer(block), until - Clock::now());
    if (!n || *n == 0) {
      if (!n) ended = n.error();
      break;
    }
    input.append(block.data(), *n);
    if (!feed(parser, input)) {
      ended = make_error_code(Errc::protocol);
      break;
    }
  }
  if (parser.is_header_done())
    summarise(parser, seen);
  else
    seen.result = reached(ended);
  co_return seen;
}

}  // namespace surang::bridge
