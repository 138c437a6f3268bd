#include "client/routing/first_flight.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "transports/core/endpoint.hpp"
#include "transports/tls/client_hello.hpp"

namespace surang::client {
namespace {

constexpr std::size_t kMost = 32 * 1024;
constexpr std::size_t kLongestMethod = 20;

bool token_char(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

enum class HttpStart { no, maybe, yes };

// "GET /..." up to the version. Only upper-case methods: others are hardly HTTP.
HttpStart http_start(std::string_view text) {
  const auto space = text.find(' ');
  const auto method = text.substr(0, std::min(space, text.size()));
  if (method.empty() || method.size() > kLongestMethod) return HttpStart::no;
  if (!std::all_of(method.begin(), method.end(), token_char) || method[0] < 'A' || method[0] > 'Z')
    return HttpStart::no;
  if (space == text.npos) return HttpStart::maybe;
  const auto line_end = text.find("\r\n");
  if (line_end == text.npos) return text.find('\n') == text.npos ? HttpStart::maybe : HttpStart::no;
  const auto line = text.substr(0, line_end);
  return line.ends_with(" HTTP/1.1") || line.ends_with(" HTTP/1.0") ? HttpStart::yes : HttpStart::no;
}

void read_head(std::string_view head, bool bytes_after, FirstFlight& flight) {
  flight.method = std::string(head.substr(0, head.find(' ')));
  bool body = bytes_after;
  bool expects = false;
  for (auto at = head.find("\r\n"); at != head.npos;) {
    const auto begin = at + 2;
    at = head.find("\r\n", begin);
    const auto line = head.substr(begin, at == head.npos ? at : at - begin);
    const auto colon = line.find(':');
    if (colon == line.npos) continue;
    const auto name = lower(line.substr(0, colon));
    const auto value = trim(line.substr(colon + 1));
    if (name == "host") {
      if (const auto to = Endpoint::parse(value, 80)) flight.host = to->host();
    } else if (name == "content-length") {
      body = body || value != "0";
    } else if (name == "transfer-encoding" || name == "upgrade") {
      body = true;
    } else if (name == "expect") {
      expects = true;
    }
  }
  static constexpr std::array<std::string_view, 3> safe = {"GET", "HEAD", "OPTIONS"};
  flight.replayable = !body && !expects && std::find(safe.begin(), safe.end(), flight.method) != safe.end();
}

}  // namespace

FirstFlight classify_first_flight(std::vector<std::uint8_t> bytes, bool& more) {
  FirstFlight flight;
  flight.bytes = std::move(bytes);
  more = false;
  if (flight.bytes.empty()) {
    more = true;
    return flight;
  }
  flight.kind = FirstFlight::Kind::opaque;
  const auto seen = std::span<const std::uint8_t>(flight.bytes).first(std::min(flight.bytes.size(), kMost));
  const bool room = flight.bytes.size() < kMost;

  tls::ClientHello hello;
  switch (tls::parse_client_hello(seen, hello)) {
    case tls::HelloState::complete:
      flight.kind = FirstFlight::Kind::tls;
      flight.host = hello.server_name;
      // Bytes after the hello are early data, or a client that will not wait: neither may be said twice.
      flight.replayable = !hello.early_data && hello.size == flight.bytes.size();
      return flight;
    case tls::HelloState::need_more:
      more = room;
      return flight;
    case tls::HelloState::not_tls:
      break;
  }
  const std::string_view text(reinterpret_cast<const char*>(seen.data()), seen.size());
  const auto start = http_start(text);
  if (start == HttpStart::no) return flight;
  const auto end = text.find("\r\n\r\n");
  if (start == HttpStart::maybe || end == text.npos) {
    more = room;
    return flight;
  }
  flight.kind = FirstFlight::Kind::http;
  read_head(text.substr(0, end), flight.bytes.size() > end + 4, flight);
  return flight;
}

}  // namespace surang::client
