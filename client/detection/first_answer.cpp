#include "client/detection/first_answer.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "client/detection/answer_head.hpp"
#include "client/detection/site_scope.hpp"
#include "transports/tls/client_hello.hpp"

namespace surang::client {
namespace {

using State = FirstAnswer::State;
using Bytes = std::span<const std::uint8_t>;

FirstAnswer say(State state, Signal signal = Signal::none, std::string detail = {}) {
  return {state, signal, std::move(detail), std::nullopt, false};
}

std::size_t u16(Bytes b, std::size_t at) {
  return static_cast<std::size_t>(b[at]) << 8 | b[at + 1];
}

// True when the ServerHello's extensions select TLS 1.3 (supported_versions, RFC 8446 4.2.1). Nothing:
// malformed.
std::optional<bool> selects_tls13(Bytes extensions) {
  while (!extensions.empty()) {
    if (extensions.size() < 4) return std::nullopt;
    const auto type = u16(extensions, 0), size = u16(extensions, 2);
    if (extensions.size() < 4 + size) return std::nullopt;
    if (type == 43) return size == 2 && u16(extensions, 4) == 0x0304;
    extensions = extensions.subspan(4 + size);
  }
  return false;
}

// ServerHello and HelloRetryRequest have one form.
FirstAnswer judge_server_hello(const AnswerQuestion& q, Bytes hello) {
  const auto wrong = [](const char* why) { return say(State::invalid, Signal::tls_not_tls, why); };
  if (hello.size() < 38 || hello[0] != 3 || hello[1] < 1 || hello[1] > 3) return wrong("no ServerHello");
  const std::size_t id_size = hello[34];
  if (id_size > 32 || hello.size() < 35 + id_size + 3) return wrong("ServerHello cut short");
  const auto id = hello.subspan(35, id_size);
  auto rest = hello.subspan(35 + id_size + 3);
  if (rest.empty()) return say(State::valid);  // TLS 1.2 without extensions
  if (rest.size() < 2 || u16(rest, 0) != rest.size() - 2) return wrong("ServerHello extensions cut short");
  const auto tls13 = selects_tls13(rest.subspan(2));
  if (!tls13) return wrong("ServerHello extensions malformed");
  if (*tls13 && !std::equal(id.begin(), id.end(), q.session_id.begin(), q.session_id.end()))
    return wrong("session id not echoed");
  return say(State::valid);
}

// A handshake message as far as it has come; nothing while it may still become a ServerHello.
std::optional<FirstAnswer> judge_message(const AnswerQuestion& q, Bytes message) {
  if (message.empty()) return std::nullopt;
  if (message[0] != 2) return say(State::invalid, Signal::tls_not_tls, "no ServerHello");
  if (message.size() < 4) return std::nullopt;
  const auto length = static_cast<std::size_t>(message[1]) << 16 | u16(message, 2);
  if (length > 4096) return say(State::invalid, Signal::tls_not_tls, "ServerHello too long");
  if (message.size() < 4 + length) return std::nullopt;
  return judge_server_hello(q, message.subspan(4, length));
}

FirstAnswer judge_tls(const AnswerQuestion& q, Bytes b, bool ended) {
  const auto wrong = [](const char* why) { return say(State::invalid, Signal::tls_not_tls, why); };
  const bool full = b.size() >= kMaxFirstAnswer;
  const auto more = [&] { return ended || full ? wrong("cut short") : say(State::need_more); };
  // The message may span records when somebody cut it small; join their payloads. It is judged as it grows,
  // so that nothing behind it counts.
  std::vector<std::uint8_t> joined;
  auto rest = b.first(std::min(b.size(), kMaxFirstAnswer));
  while (!rest.empty()) {
    const bool first = rest.data() == b.data();
    if (rest[0] != 22 && !(first && rest[0] == 21)) return wrong("no TLS record");
    if (rest.size() >= 2 && rest[1] != 3) return wrong("no TLS record");
    if (rest.size() < 5) return more();
    const auto size = u16(rest, 3);
    if (size == 0 || size > 16384 + 256) return wrong("no TLS record");
    if (rest[0] == 21) {
      if (size != 2) return wrong("no alert");
      if (rest.size() < 7) return more();
      return say(State::doubtful, Signal::tls_alert, "alert " + std::to_string(rest[6]));
    }
    const auto payload = rest.subspan(5, std::min(size, rest.size() - 5));
    joined.insert(joined.end(), payload.begin(), payload.end());
    if (auto judged = judge_message(q, joined)) return std::move(*judged);
    rest = rest.subspan(5 + payload.size());
  }
  return more();
}

// The host of an absolute Location, lower case; empty for a relative one.
std::string place_host(std::string_view location) {
  const auto scheme = location.find("//");
  if (scheme == location.npos || location.find_first_of("/?#") != scheme) return {};
  auto rest = location.substr(scheme + 2);
  rest = rest.substr(0, rest.find_first_of("/?#"));
  if (const auto at = rest.rfind('@'); at != rest.npos) rest.remove_prefix(at + 1);
  if (rest.starts_with('['))
    rest = rest.substr(1, rest.find(']') - 1);
  else
    rest = rest.substr(0, rest.find(':'));
  std::string host(rest.substr(0, 253));
  for (char& c : host)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return host;
}

// A block page is short and its body comes right behind the head; it is waited for only where one is likely.
bool page_to_come(int status, std::string_view head, std::string_view body) {
  std::size_t length = 0;
  const auto text = header_of(head, "content-length");
  std::from_chars(text.data(), text.data() + text.size(), length);
  const bool suspicious =
      status == 403 || status == 451 || (status >= 200 && status < 300 && length <= kShortPage);
  return suspicious && body.size() < std::min(length, kShortPage) &&
         starts_nocase(header_of(head, "content-type"), "text/html");
}

FirstAnswer judge_http(const AnswerQuestion& q, Bytes b, bool ended) {
  const std::string_view text(reinterpret_cast<const char*>(b.data()), b.size());
  constexpr std::string_view kStart = "HTTP/1.";
  if (text.substr(0, kStart.size()) != kStart.substr(0, text.size()))
    return say(State::invalid, Signal::http_not_http);
  auto head_end = text.find("\r\n\r\n");
  std::size_t body_at = head_end + 4;
  if (head_end == text.npos) {
    head_end = text.find("\n\n");
    body_at = head_end + 2;
  }
  if (head_end == text.npos) {
    if (b.size() >= kMaxFirstAnswer) return say(State::valid);  // longer than any block page's
    return ended ? say(State::invalid, Signal::http_not_http, "cut short") : say(State::need_more);
  }
  const auto head = text.substr(0, head_end + 1);
  const auto body = text.substr(body_at);
  int status = 0;
  if (head.size() < 12 || head[8] != ' ' ||
      std::from_chars(head.data() + 9, head.data() + 12, status).ptr != head.data() + 12)
    return say(State::invalid, Signal::http_not_http, "no status");
  const auto* known = q.block_pages.get();
  if (status >= 300 && status < 400) {
    const auto location = header_of(head, "location");
    const auto host = place_host(location);
    if (known && known->knows_place(location))
      return say(State::doubtful, Signal::http_block_page, std::to_string(status) + " to " + host);
    const bool related = same_owner(host, q.host) || (q.services && q.services->same_group(host, q.host));
    if (!host.empty() && !related)
      return say(State::doubtful, Signal::http_redirect, registrable_domain(host));
    return say(State::valid);
  }
  auto found = q.head_only ? PageFound{} : find_short_page(status, head, body, ended, q.host);
  auto answer = say(State::valid);
  if (known && known->knows_page(head, body))
    answer = say(State::doubtful, Signal::http_block_page, std::to_string(status));
  else if (!found.page && !ended && !q.head_only && page_to_come(status, head, body))
    answer = say(State::need_more);
  answer.page = std::move(found.page);
  answer.open_ended = found.open_ended;
  return answer;
}

}  // namespace

AnswerQuestion question_of(const FirstFlight& flight) {
  AnswerQuestion q;
  q.kind = flight.kind;
  q.host = flight.host.substr(0, flight.host.starts_with('[') ? flight.host.npos : flight.host.find(':'));
  q.head_only = flight.method == "HEAD";
  if (flight.kind == FirstFlight::Kind::tls) {
    tls::ClientHello hello;
    if (tls::parse_client_hello(flight.bytes, hello) == tls::HelloState::complete)
      q.session_id = hello.session_id;
  }
  return q;
}

FirstAnswer judge_first_answer(const AnswerQuestion& q, Bytes bytes, bool ended) {
  switch (q.kind) {
    case FirstFlight::Kind::tls:
      return judge_tls(q, bytes, ended);
    case FirstFlight::Kind::http:
      return judge_http(q, bytes, ended);
    default:
      return say(State::valid);
  }
}

}  // namespace surang::client
