// What is taken for a captive portal, and when it is asked. Pure, with given times.
#include "client/detection/captive_portal.hpp"

#include <doctest.h>

using namespace surang::client;
using namespace std::chrono_literals;

namespace {

const BlockPages& known() {
  static const BlockPages pages(surang::config::shipped_block_pages());
  return pages;
}

using Answer = PortalAnswer;
using State = CaptivePortal::State;

Answer judged(std::string_view text) {
  // However it is cut, it is the same in the end, and a beginning never says more than the whole.
  const auto whole = judge_portal_answer(known(), text, true);
  for (std::size_t n = 0; n < text.size(); ++n) {
    const auto part = judge_portal_answer(known(), text.substr(0, n), false);
    if (part != Answer::need_more && part != Answer::clean) CHECK(part == whole);
  }
  return whole;
}

const Clock::time_point t{};

CaptivePortal captive_since_t() {
  CaptivePortal portal(true);
  portal.arrived(t);
  CHECK(portal.answered(portal.asked(t), Answer::portal, t));
  CHECK(portal.captive());
  return portal;
}

}  // namespace

TEST_CASE("an empty 204 is clean, a page or a redirect is a portal, all else says nothing") {
  CHECK(judged("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n") == Answer::clean);
  CHECK(judged("HTTP/1.1 302 Found\r\nLocation: http://login.cafe.example/\r\n\r\n") == Answer::portal);
  CHECK(judged("HTTP/1.0 200 OK\r\n\r\n<html>Welcome</html>") == Answer::portal);
  CHECK(judged("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nWelcome") == Answer::portal);
  CHECK(judged("HTTP/1.1 511 Network Authentication Required\r\nContent-Length: 0\r\n\r\n") ==
        Answer::portal);
  for (const auto* text : {"", "HTTP/1.1 20", "SSH-2.0-x\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                           "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
                           "HTTP/1.1 500 Oh\r\n\r\nx", "HTTP/1.1 304 Not Modified\r\n\r\n",
                           "HTTP/1.1 204 No Content\r\n\r\n<html>",
                           // A censor's page is no sign-in page.
                           "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><head><title>Surf "
                           "Safely!</title></head><body>This "
                           "website is not accessible.</body></html>"})
    CHECK_MESSAGE(judged(text) == Answer::nothing, text);
  CHECK(judge_portal_answer(known(), "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nWel", false) ==
        Answer::need_more);
  const std::string endless = "HTTP/1.1 200 OK\r\nX: " + std::string(kMaxPortalAnswer, 'a');
  CHECK(judge_portal_answer(known(), endless, false) == Answer::nothing);
}

TEST_CASE("a network is asked once when it is joined, and once more when it does not answer") {
  CaptivePortal portal(true);
  CHECK(!portal.due());
  portal.arrived(t);
  CHECK(portal.state() == State::unknown);
  CHECK(portal.due() == t);
  auto number = portal.asked(t);
  CHECK(!portal.due());
  CHECK(portal.answered(number, Answer::clean, t + 1s));
  CHECK(portal.state() == State::clean);
  CHECK(!portal.due());

  portal.arrived(t + 10s);
  CHECK(portal.state() == State::unknown);
  CHECK(portal.answered(portal.asked(t), Answer::nothing, t + 15s));
  CHECK(portal.state() == State::clean);  // none is known
  CHECK(portal.due() == t + 20s);
  CHECK(portal.answered(portal.asked(t), Answer::nothing, t + 25s));
  CHECK(!portal.due());
}

TEST_CASE("where nobody is to be asked every network is clean") {
  CaptivePortal portal(false);
  portal.arrived(t);
  CHECK(portal.state() == State::clean);
  CHECK(!portal.due());
}

TEST_CASE("an answer that comes from the network before counts for nothing") {
  CaptivePortal portal(true);
  portal.arrived(t);
  const auto old = portal.asked(t);
  portal.arrived(t + 1s);
  CHECK(!portal.answered(old, Answer::portal, t + 2s));
  CHECK(portal.state() == State::unknown);
  CHECK(portal.due() == t + 1s);
}

TEST_CASE("a portal is asked again every few seconds, ever more rarely, until it is clean") {
  auto portal = captive_since_t();
  auto now = t;
  Clock::duration last{};
  for (int i = 0; i < 12; ++i) {
    REQUIRE(portal.due());
    const auto pause = *portal.due() - now;
    CHECK(pause >= 2s);
    CHECK(pause >= last);
    CHECK(pause <= 30s);
    last = pause;
    now = *portal.due();
    CHECK(portal.answered(portal.asked(now), Answer::portal, now));
  }
  CHECK(last == 30s);
  CHECK(portal.answered(portal.asked(now), Answer::nothing, now));  // lost once
  CHECK(portal.captive());
  CHECK(portal.answered(portal.asked(now), Answer::clean, now));
  CHECK(portal.state() == State::clean);
  CHECK(!portal.due());
}

TEST_CASE("a portal that falls silent is one no more") {
  auto portal = captive_since_t();
  for (int i = 0; i < 2; ++i) CHECK(portal.answered(portal.asked(t), Answer::nothing, t + 10s));
  CHECK(portal.state() == State::clean);
  CHECK(!portal.due());
}

TEST_CASE("a site that shows its certificate has the portal asked at once, three of them end it") {
  auto portal = captive_since_t();
  portal.reached("a.example", t + 1s);
  CHECK(portal.due() == t + 1s);
  auto number = portal.asked(t + 1s);
  portal.reached("b.example", t + 1s);  // it is being asked
  CHECK(!portal.due());
  CHECK(portal.answered(number, Answer::portal, t + 1s));
  CHECK(portal.captive());
  portal.reached("c.example", t + 2s);
  CHECK(portal.answered(portal.asked(t + 2s), Answer::portal, t + 2s));
  CHECK(portal.state() == State::clean);
}

TEST_CASE("a site that merely answers has it asked, but not again and again") {
  auto portal = captive_since_t();
  portal.hinted(t + 100ms);
  CHECK(portal.due() == t + 2s);
  CHECK(portal.answered(portal.asked(t + 2s), Answer::portal, t + 2s));
  portal.hinted(t + 4500ms);
  CHECK(portal.due() == t + 4500ms);
}

TEST_CASE("where the asked site itself shows its certificate, only its plain page is lied about") {
  CaptivePortal portal(true);
  portal.arrived(t);
  const auto number = portal.asked(t);
  CHECK(portal.answered(number, Answer::portal, t));
  portal.reached_asked(number - 1);
  CHECK(portal.captive());
  portal.reached_asked(number);
  CHECK(portal.state() == State::clean);
  CHECK(!portal.due());
}
