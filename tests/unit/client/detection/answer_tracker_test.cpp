// Answers of plain HTTP at every chunking: whether one is whole, owed, or cannot be followed.
#include "client/detection/answer_tracker.hpp"

#include <doctest.h>

#include <string_view>
#include <vector>

using namespace surang::client;

namespace {

std::span<const std::uint8_t> bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

struct Stand {
  bool known, owed, announced;
  bool operator==(const Stand&) const = default;
};

Stand stand(const AnswerTracker& t) {
  return {t.known(), t.owed(), t.announced()};
}

constexpr Stand kWhole{true, false, false}, kOwed{true, true, false}, kAnnounced{true, true, true},
    kLost{false, false, false};

// What comes of an answer to `request`, the same for every chunking.
Stand after(std::string_view answer, std::string_view request = "GET / HTTP/1.1\r\n\r\n") {
  AnswerTracker at_once;
  at_once.asked(bytes(request));
  at_once.feed(bytes(answer));
  for (std::size_t chunk = 1; chunk < answer.size(); ++chunk) {
    AnswerTracker t;
    t.asked(bytes(request));
    for (std::size_t at = 0; at < answer.size(); at += chunk) t.feed(bytes(answer.substr(at, chunk)));
    CHECK(stand(t) == stand(at_once));
  }
  return stand(at_once);
}

}  // namespace

TEST_CASE("an answer is owed until as much has come as its head says") {
  CHECK(after("") == kWhole);
  CHECK(after("H") == kOwed);
  CHECK(after("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n") == kOwed);
  CHECK(after("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n") == kAnnounced);
  CHECK(after("HTTP/1.1 200 OK\r\ncontent-length:5 \r\n\r\n1234") == kAnnounced);
  CHECK(after("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345") == kWhole);
  CHECK(after("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") == kWhole);
  CHECK(after("HTTP/1.0 200 OK\r\n\r\nwhatever") == kOwed);  // until it ends
  CHECK(after("HTTP/1.1 204 No Content\r\n\r\n") == kWhole);
  CHECK(after("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n") == kWhole);
  CHECK(after("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD / HTTP/1.1\r\n\r\n") == kWhole);
  CHECK(after("HTTP/1.1 100 Continue\r\n\r\n") == kWhole);
  CHECK(after("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx") == kAnnounced);
}

TEST_CASE("a chunked answer is owed until its last chunk, and announced within one only") {
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  CHECK(after(head) == kOwed);
  CHECK(after(head + "5;a=b\r\nhe") == kAnnounced);
  CHECK(after(head + "5\r\nhello\r\n") == kOwed);
  CHECK(after(head + "5\r\nhello\r\n1") == kOwed);
  CHECK(after(head + "5\r\nhello\r\n0\r\n") == kOwed);
  CHECK(after(head + "5\r\nhello\r\n0\r\nX: y\r\n\r\n") == kWhole);
  CHECK(after(head + "5\r\nhello\r\n0\r\n\r\n") == kWhole);
}

TEST_CASE("what cannot be followed is not followed, for good") {
  CHECK(after("SSH-2.0") == kLost);
  CHECK(after("HTTP/1.1 abc\r\n\r\n") == kLost);
  CHECK(after("HTTP/1.1 101 Switching Protocols\r\n\r\n") == kLost);
  CHECK(after("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n") == kLost);
  CHECK(after("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n") == kLost);
  CHECK(after("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n") == kLost);
  CHECK(after("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n12") == kLost);  // more than was asked for
  CHECK(after("HTTP/1.1 200 OK\r\nX: " + std::string(20'000, 'x')) == kLost);
  AnswerTracker pipelined;
  pipelined.asked(bytes("GET /a HTTP/1.1\r\n\r\n"));
  pipelined.asked(bytes("GET /b HTTP/1.1\r\n\r\n"));
  CHECK(stand(pipelined) == kLost);
}

TEST_CASE("one answer follows the other on a kept connection") {
  AnswerTracker t;
  const std::string_view answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
  for (int i = 0; i < 3; ++i) {
    t.asked(bytes("GET / HTTP/1.1\r\n\r\n"));
    CHECK(stand(t) == kWhole);
    t.feed(bytes(answer));
    CHECK(stand(t) == kAnnounced);
    t.feed(bytes("abc"));
    CHECK(stand(t) == kWhole);
    t.asked(bytes("HEAD / HTTP/1.1\r\n\r\n"));
    t.feed(bytes(answer));
    CHECK(stand(t) == kWhole);
  }
}
