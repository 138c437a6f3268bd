#include "client/control/status_report.hpp"

#include <doctest.h>

using namespace surang;
using namespace surang::client;

namespace {

LaneStatus lane(std::string name) {
  LaneStatus out;
  out.name = "https@" + name;
  out.bridge = std::move(name);
  out.transport = "https";
  return out;
}

}  // namespace

TEST_CASE("status says in words what a person asks") {
  StatusFacts facts;
  facts.listen = {"127.0.0.1:1080", "[::1]:1080"};
  facts.uptime = std::chrono::seconds(5400);
  facts.sessions.open = 3;
  facts.sessions.opened = 120;
  auto live = lane("home"), failing = lane("work"), idle = lane("spare"), other = lane("tor");
  live.tunnel.live = true;
  live.tunnel.rtt = std::chrono::microseconds(41600);
  live.tunnel.bytes_down = 12'345'678;
  failing.failures = 2;
  failing.tunnel.last_error = make_error_code(Errc::certificate);
  other.failures = 1;
  other.tunnel.last_error = make_error_code(Errc::protocol);
  facts.lanes = {live, failing, idle, other};
  facts.convictions.push_back(boost::json::object{{"subject", "x.com"}, {"way", "tunnel"}});
  facts.rules = {{config::RuleAction::never, "ads.example"}};
  const auto json = status_json(facts);
  CHECK(json.at("rules").at(0).at("action") == "never");
  CHECK(json.at("bridges").at(0).at("state") == "connected");
  CHECK(json.at("bridges").at(0).at("rtt_ms") == 42);
  const auto text = status_text(json);
  CHECK(text.find("running for 2 h") != text.npos);
  CHECK(text.find("127.0.0.1:1080 [::1]:1080") != text.npos);
  CHECK(text.find("home by https: connected, answers in 42 ms, 0 in use, 12.3 MB down, 0 B up") != text.npos);
  CHECK(text.find("work by https: does not accept the link") != text.npos);
  CHECK(text.find("tor by https: answers, but what stands there is not") != text.npos);
  CHECK(text.find("spare by https: not needed yet") != text.npos);
  CHECK(text.find("x.com: goes by tunnel") != text.npos);
  CHECK(json.at("captive_portal") == false);
  CHECK(text.find("captive portal") == text.npos);
  facts.captive_portal = true;
  CHECK(status_json(facts).at("captive_portal") == true);
  CHECK(status_text(status_json(facts)).find("Sign in first") != text.npos);
  CHECK(status_text({}).find("surang add LINK") != std::string::npos);
}

TEST_CASE("status says what is captured, where anybody wants that") {
  StatusFacts facts;
  CHECK(status_json(facts).at("capture").at("on") == false);
  CHECK(status_text(status_json(facts)).find("aptured") == std::string::npos);
  facts.capture_trouble = "no rights";
  CHECK(status_text(status_json(facts)).find("\nNothing is captured: no rights\n") != std::string::npos);
  facts.capture_trouble.clear();
  facts.capture = config::CaptureOptions{true, {"br-lan", "eth1"}, {}, {}};
  const auto json = status_json(facts);
  CHECK(json.at("capture").at("on") == true);
  CHECK(json.at("capture").at("lan").at(1) == "eth1");
  CHECK(
      status_text(json).find("\nCaptured: this computer, what comes in by br-lan, what comes in by eth1\n") !=
      std::string::npos);
}
