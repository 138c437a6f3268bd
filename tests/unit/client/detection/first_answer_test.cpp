// What counts as an answer to a first flight.
#include <doctest.h>

#include <string>

#include "client/detection/first_answer.hpp"

using namespace surang::client;

namespace {

using State = FirstAnswer::State;

std::shared_ptr<const BlockPages> shipped() {
  static const auto pages = std::make_shared<const BlockPages>(surang::config::shipped_block_pages());
  return pages;
}

FirstAnswer judge(const std::string& bytes, FirstFlight::Kind kind, bool ended = false) {
  AnswerQuestion q;
  q.block_pages = shipped();
  q.kind = kind;
  q.host = "www.site.example";
  q.session_id = {1, 2, 3};
  return judge_first_answer(q, std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()),
                            ended);
}

FirstAnswer http(const std::string& bytes, bool ended = false) {
  return judge(bytes, FirstFlight::Kind::http, ended);
}

FirstAnswer tls(const std::string& bytes) {
  return judge(bytes, FirstFlight::Kind::tls);
}

}  // namespace

TEST_CASE("ordinary HTTP answers are valid as soon as their head is there") {
  const std::string ok = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 90000\r\n\r\n";
  for (std::size_t n = 0; n < ok.size(); ++n) CHECK(http(ok.substr(0, n)).state == State::need_more);
  CHECK(http(ok).state == State::valid);
  CHECK(http("HTTP/1.1 301 Moved\r\nLocation: https://www.site.example/\r\n\r\n").state == State::valid);
  CHECK(http("HTTP/1.1 301 Moved\r\nLocation: https://m.site.example/x\r\n\r\n").state == State::valid);
  CHECK(http("HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n").state == State::valid);
  CHECK(http("HTTP/1.1 302 Found\r\nlocation: /login?next=http://other.example/\r\n\r\n").state ==
        State::valid);
  CHECK(http("HTTP/1.1 204 No Content\r\n\r\n").state == State::valid);
}

TEST_CASE("block pages, foreign redirects and other tongues are not") {
  CHECK(http("HTTP/1.1 302 Found\r\nLocation: http://other.example/\r\n\r\n").signal ==
        Signal::http_redirect);
  CHECK(http("HTTP/1.1 302 Found\r\nLocation: http://other.example/\r\n\r\n").state == State::doubtful);
  CHECK(http("HTTP/1.1 302 Found\r\nLocation: http://www.airtel.in/dot/\r\n\r\n").signal ==
        Signal::http_block_page);
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 60\r\n\r\n";
  CHECK(http(head).state == State::need_more);  // short: look at the body
  CHECK(http(head + "<iframe src=\"http://10.10.34.34?type=Invalid\">").signal == Signal::http_block_page);
  CHECK(http(head + std::string(60, 'x')).state == State::valid);
  CHECK(http(head, true).state == State::valid);
  // The shop of the visitor's own country, by the same name.
  const auto sent_to = [](const char* asked, const char* place) {
    AnswerQuestion q;
    q.kind = FirstFlight::Kind::http;
    q.host = asked;
    q.services = std::make_shared<const ServiceGroups>(surang::config::shipped_services());
    const auto text = "HTTP/1.1 302 Found\r\nLocation: http://" + std::string(place) + "/\r\n\r\n";
    return judge_first_answer(q, std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()),
                              false)
        .state;
  };
  CHECK(sent_to("www.shop.com", "www.shop.co.uk") == State::valid);
  CHECK(sent_to("shop.com", "shop.blocked.net") == State::doubtful);
  CHECK(sent_to("10.1.2.3", "10.9.9.9") == State::doubtful);
  // The site of the same service under its other name.
  CHECK(sent_to("twitter.com", "x.com") == State::valid);
  CHECK(sent_to("youtu.be", "www.youtube.com") == State::valid);
  CHECK(sent_to("twitter.com", "www.youtube.com") == State::doubtful);
  CHECK(http("SSH-2.0-OpenSSH\r\n").signal == Signal::http_not_http);
  CHECK(http("HTTP/1.1 200 OK\r\n", true).state == State::invalid);
  CHECK(http("HTTP/1.1 403 Forbidden\r\nServer: Protected by WireFilter\r\n\r\n").signal ==
        Signal::http_block_page);
}

TEST_CASE("a short page is handed on, whole or open-ended") {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n";
  const auto whole = http(head + "Content-Length: 9\r\n\r\n<p>no</p>");
  CHECK(whole.state == State::valid);
  REQUIRE(whole.page);
  CHECK(http(head + "Content-Length: 9\r\n\r\n<p>no</p").state == State::need_more);
  const auto open = http(head + "\r\n<p>no</p>");
  CHECK(open.state == State::valid);
  CHECK(!open.page);
  CHECK(open.open_ended);
  const auto ended = http(head + "\r\n<p>no</p>", true);
  REQUIRE(ended.page);
  CHECK(ended.page->digest == whole.page->digest);
  const auto known = http(head + "Content-Length: 17\r\n\r\n<p>netsweeper</p>");
  CHECK(known.signal == Signal::http_block_page);
  CHECK(known.page);
  CHECK(!http("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok").page);
  CHECK(!http("HTTP/1.1 302 Found\r\nLocation: http://other.example/\r\nContent-Length: 0\r\n\r\n").page);
}

TEST_CASE("a TLS answer echoes the hello's session id") {
  const auto bytes = [](std::initializer_list<int> list) {
    std::string s;
    for (const int b : list) s += static_cast<char>(b);
    return s;
  };
  std::string body =
      bytes({3, 3}) + std::string(32, 'r') + bytes({3, 1, 2, 3, 0x13, 1, 0, 0, 6, 0, 43, 0, 2, 3, 4});
  const auto message = bytes({2, 0, 0, static_cast<int>(body.size())}) + body;
  const auto record = [&](const std::string& part) {
    return bytes({22, 3, 3, 0, static_cast<int>(part.size())}) + part;
  };
  CHECK(tls(record(message)).state == State::valid);
  CHECK(tls(record(message.substr(0, 5)) + record(message.substr(5))).state ==
        State::valid);  // cut into records
  auto wrong = message;
  wrong[4 + 35] = 9;
  CHECK(tls(record(wrong)).signal == Signal::tls_not_tls);
  // TLS 1.2 servers choose their own id.
  std::string old = bytes({3, 3}) + std::string(32, 'r') + bytes({1, 7, 0xC0, 0x2F, 0});
  CHECK(tls(record(bytes({2, 0, 0, static_cast<int>(old.size())}) + old)).state == State::valid);

  CHECK(tls(bytes({21, 3, 3, 0, 2, 2, 112})).signal == Signal::tls_alert);
  CHECK(tls(bytes({21, 3, 3, 0, 2, 2, 112})).detail == "alert 112");
  CHECK(tls(bytes({21, 3, 3, 0, 2})).state == State::need_more);
  CHECK(tls("HTTP/1.1 400 Bad Request\r\n\r\n").signal == Signal::tls_not_tls);
  CHECK(tls(bytes({22, 3, 3, 0, 0})).state == State::invalid);
  // Nothing behind the message counts, and nothing empty, foreign or endless before its end is waited for.
  CHECK(tls(record(message) + "rubbish").state == State::valid);
  CHECK(tls(record(message.substr(0, 5)) + bytes({22, 3, 3, 0, 0})).signal == Signal::tls_not_tls);
  CHECK(tls(record(message.substr(0, 5)) + bytes({23, 3, 3, 0, 1, 0})).signal == Signal::tls_not_tls);
  std::string endless;
  const auto long_message = bytes({2, 0, 16, 0}) + std::string(4096, '\3');
  for (const char c : long_message) endless += record(std::string(1, c));
  CHECK(endless.size() > kMaxFirstAnswer);
  CHECK(tls(endless.substr(0, kMaxFirstAnswer - 1)).state == State::need_more);
  CHECK(tls(endless.substr(0, kMaxFirstAnswer)).state == State::invalid);
  CHECK(tls(endless).state == State::invalid);
  CHECK(tls(record(bytes({2, 0, 0, 4, 3, 3, 0, 0}))).state == State::invalid);
}
