// signals, site_scope, hedge, judge: pure, with given times.
#include <doctest.h>

#include <boost/asio/error.hpp>

#include "client/detection/hedge.hpp"
#include "client/detection/judge.hpp"
#include "client/detection/prober.hpp"
#include "client/detection/site_scope.hpp"
#include "tests/unit/client/detection/race_script.hpp"

using namespace surang;
using namespace surang::client;
using surang::client::test::Script;
using namespace std::chrono_literals;
namespace error = boost::asio::error;

TEST_CASE("errors become signals by where and when they come") {
  using Kind = FirstFlight::Kind;
  CHECK(connect_failure(error::connection_refused, 40ms) == Signal::tcp_rst);
  CHECK(connect_failure(error::connection_reset, 40ms) == Signal::tcp_rst);
  CHECK(connect_failure(make_error_code(Errc::timed_out), 10s) == Signal::tcp_silence);
  CHECK(connect_failure(error::host_unreachable, 20ms) == Signal::tcp_icmp);
  CHECK(connect_failure(error::network_unreachable, 50us) == Signal::no_network);

  CHECK(answer_failure(Kind::tls, error::connection_reset, 41ms, 40ms) == Signal::tls_rst);
  CHECK(answer_failure(Kind::tls, error::connection_reset, 25ms, 40ms) == Signal::tls_rst);
  CHECK(answer_failure(Kind::tls, error::connection_reset, 23ms, 40ms) == Signal::forged_rst);
  CHECK(answer_failure(Kind::tls, error::connection_reset, 1ms, 0ms) == Signal::tls_rst);  // no RTT known
  CHECK(answer_failure(Kind::tls, {}, 41ms, 40ms) == Signal::tls_fin);
  CHECK(answer_failure(Kind::http, error::eof, 41ms, 40ms) == Signal::http_fin);

  TcpInfo info;
  info.bytes_acked = 517;
  CHECK(answer_silence(Kind::tls, 517, info) == Signal::tls_silence);
  info.bytes_acked = 0;
  CHECK(answer_silence(Kind::tls, 517, info) == Signal::tls_lost);
  CHECK(answer_silence(Kind::http, 100, std::nullopt) == Signal::http_silence);

  CHECK(tunnel_failure(make_error_code(Errc::destination_refused)) == Signal::site_down);
  CHECK(tunnel_failure(make_error_code(Errc::no_route)) == Signal::tunnel_failed);
  for (int i = 0; i <= static_cast<int>(Signal::http_shared_page); ++i) {
    CHECK(!to_string(static_cast<Signal>(i)).empty());
    CHECK(!describe(static_cast<Signal>(i)).empty());
  }
  CHECK(to_string(Signal::other) == "other");
  CHECK(to_string(Signal::tls_certificate) == "tls_certificate");
}

TEST_CASE("what came sooner than the site could answer is told by its round trip") {
  CHECK(sooner_than_site(20ms, 40ms));
  CHECK(!sooner_than_site(25ms, 40ms));
  CHECK(!sooner_than_site(0ms, 0ms));
  for (const auto signal : {Signal::http_block_page, Signal::http_redirect, Signal::http_shared_page})
    CHECK(is_page(signal));
  CHECK(!is_page(Signal::http_rst));
}

TEST_CASE("names and addresses are told apart by where they belong") {
  CHECK(registrable_domain("abs.twimg.com") == "twimg.com");
  CHECK(registrable_domain("www.bbc.co.uk") == "bbc.co.uk");
  CHECK(registrable_domain("one.github.io") == "one.github.io");
  CHECK(registrable_domain("com") == "com");
  CHECK(registrable_domain("93.184.1.1") == "93.184.1.1");
  for (const auto* host : {"localhost", "printer", "nas.local", "x.home.arpa", "db.internal", "a.localhost"})
    CHECK_MESSAGE(is_local_name(host), host);
  for (const auto* host : {"example.com", "local.example", "93.184.1.1", "::1"})
    CHECK_MESSAGE(!is_local_name(host), host);
  const auto at = [](const char* text) { return boost::asio::ip::make_address(text); };
  for (const auto* a : {"127.0.0.1", "0.0.0.0", "169.254.1.1", "224.0.0.1", "255.255.255.255", "::", "::1",
                        "fe80::1", "::ffff:127.0.0.1"})
    CHECK_MESSAGE(is_local_address(at(a)), a);
  for (const auto* a : {"10.1.2.3", "172.31.0.1", "192.168.1.1", "100.64.0.1", "fd00::1", "::ffff:10.0.0.1"})
    CHECK_MESSAGE((is_private_address(at(a)) && !is_local_address(at(a))), a);
  for (const auto* a : {"93.184.1.1", "172.32.0.1", "100.128.0.1", "2a00:93::1"})
    CHECK_MESSAGE((!is_private_address(at(a)) && !is_local_address(at(a)) && is_public_address(at(a))), a);
  for (const auto* a :
       {"127.0.0.1", "10.1.2.3", "100.64.0.1", "fd00::1", "fe80::1", "::ffff:10.0.0.1", "198.18.0.5",
        "2001:2::5", "192.0.0.8", "64:ff9b::c0a8:101", "64:ff9b:1::1", "2002:7f00:1::1", "2001:0:1::"})
    CHECK_MESSAGE(!is_public_address(at(a)), a);
  CHECK(is_public_address(at("64:ff9b::5db8:101")));
}

TEST_CASE("direct goes first, the tunnel after the hedge delay and a round trip") {
  Script s;
  CHECK(s.at(0ms).kind == Step::Kind::start);
  CHECK(s.at(0ms).index == 0);
  s.add(0, 0ms);
  CHECK(s.at(1ms).kind == Step::Kind::wait);
  CHECK(s.at(1ms).until == s.t0 + 400ms);
  CHECK(s.at(400ms).kind == Step::Kind::start);
  CHECK(s.at(400ms).index == 2);
  s.attempts[0].stage = Stage::waiting;  // SYN-ACK at 40 ms, round trip 40 ms
  s.attempts[0].last_life = s.t0 + 40ms;
  s.attempts[0].rtt = 40ms;
  CHECK(s.at(479ms).kind == Step::Kind::wait);
  CHECK(s.at(480ms).kind == Step::Kind::start);
  CHECK(silent_at(s.attempts[0], s.limits) == s.t0 + 40ms + 1200ms + 80ms);
  s.attempts[0].outcome = Outcome::validated;
  CHECK(s.at(481ms).winner == 0);
}

TEST_CASE("where no round trip is known the network's least one is expected") {
  Script s;
  s.add(0, 0ms);
  s.limits.least_rtt = 700ms;
  CHECK(hedge_at(s.attempts[0], s.limits) == s.t0 + 1100ms);
  CHECK(silent_at(s.attempts[0], s.limits) == s.t0 + 1200ms + 1400ms);
  s.limits.least_rtt = 5s;
  CHECK(hedge_at(s.attempts[0], s.limits) == s.t0 + 2400ms);  // bounded
  s.limits.least_rtt = 4ms;
  CHECK(silent_at(s.attempts[0], s.limits) == s.t0 + 1800ms);  // a lost SYN must not convict
  s.attempts[0].rtt = 40ms;
  CHECK(hedge_at(s.attempts[0], s.limits) == s.t0 + 440ms);
}

TEST_CASE("a tunnel that lost the flight is dialled once more, soon, and for what may be repeated") {
  Script s;
  s.plan = {{Way::tunnel, StartWhen::at_once}, {Way::direct, StartWhen::when_tunnel_is_down}};
  auto& lost = s.add(0, 0ms);
  lost.outcome = Outcome::failed;
  lost.signal = Signal::tunnel_failed;
  CHECK(s.at(5ms).index == 1);  // the dial itself failed: the pool knows
  s.attempts[0].sent = true;
  CHECK(s.at(5ms).kind == Step::Kind::start);
  CHECK(s.at(5ms).index == 0);
  CHECK(s.at(10s).index == 1);  // too late
  s.replayable = false;
  CHECK(s.at(5ms).kind == Step::Kind::finish);
  s.replayable = true;
  s.add(0, 5ms);
  CHECK(s.at(6ms).kind == Step::Kind::wait);
  s.attempts[1].outcome = Outcome::failed;
  s.attempts[1].signal = Signal::tunnel_failed;
  s.attempts[1].sent = true;
  CHECK(s.at(10ms).index == 1);  // once
}

TEST_CASE("an address that both name servers give explains no strange certificate") {
  Script s;
  auto& direct = s.add(0, 0ms);
  direct.outcome = Outcome::doubtful;
  direct.signal = Signal::tls_certificate;
  auto& named = s.add(1, 50ms);
  named.outcome = Outcome::failed;
  named.agrees = true;
  CHECK(s.at(60ms).index == 2);  // on to the tunnel
  s.attempts[0].signal = Signal::dns_bogon;
  CHECK(s.at(60ms).winner == 0);
  s.attempts[1].agrees = false;
  s.attempts[1].no_such_name = true;
  CHECK(s.at(60ms).winner == 0);
  s.attempts[0].outcome = Outcome::failed;
  s.attempts[0].signal = Signal::dns_nxdomain;
  CHECK(s.at(60ms).kind == Step::Kind::finish);  // nothing that a tunnel could change
  CHECK(!s.at(60ms).winner);
}

TEST_CASE("a failure starts the next way at once, and a lying name server encrypted DNS first") {
  Script s;
  s.add(0, 0ms).outcome = Outcome::failed;
  s.attempts[0].signal = Signal::tls_rst;
  CHECK(s.at(81ms).index == 2);
  s.attempts[0].signal = Signal::dns_nxdomain;
  CHECK(s.at(81ms).index == 1);
  s.add(1, 81ms);
  CHECK(s.at(82ms).kind == Step::Kind::wait);
  CHECK(s.at(481ms).index == 2);
  s.attempts[1].outcome = Outcome::failed;
  CHECK(s.at(200ms).index == 2);      // encrypted DNS is blocked too
  s.attempts[1].no_such_name = true;  // or says the same: there is no such name
  CHECK(s.at(200ms).kind == Step::Kind::finish);
  CHECK(!s.at(200ms).winner);
}

TEST_CASE("a doubtful answer waits for contrast, not for ever") {
  Script s;
  auto& direct = s.add(0, 0ms);
  direct.outcome = Outcome::doubtful;
  direct.signal = Signal::tls_alert;
  direct.detail = "alert 40";
  CHECK(s.at(80ms).index == 2);
  s.add(2, 80ms);
  CHECK(s.at(81ms).kind == Step::Kind::wait);
  CHECK(s.at(4s).winner == 0);  // the tunnel is silent: what there is must do
  s.attempts[1].outcome = Outcome::doubtful;
  s.attempts[1].signal = Signal::tls_alert;
  s.attempts[1].detail = "alert 40";
  CHECK(s.at(200ms).winner == 0);  // the same by both ways: the site's own
  s.attempts[1].outcome = Outcome::validated;
  CHECK(s.at(200ms).winner == 1);
  s.attempts[1].outcome = Outcome::failed;
  CHECK(s.at(200ms).winner == 0);
}

TEST_CASE(
    "a page by two ways is the site's own, and so are two redirects but to a place that others are sent to") {
  Script s;
  auto& direct = s.add(0, 0ms);
  direct.outcome = Outcome::doubtful;
  direct.signal = Signal::http_shared_page;
  direct.page = "one";
  s.add(2, 80ms);
  s.attempts[1].outcome = Outcome::validated;
  s.attempts[1].page = "one";
  CHECK(s.at(200ms).winner == 0);
  s.attempts[1].page = "another";
  CHECK(s.at(200ms).winner == 1);
  s.attempts[1].page.clear();
  CHECK(s.at(200ms).winner == 1);
  s.attempts[0].page.clear();
  CHECK(s.at(200ms).winner == 1);

  s.attempts[0].page = "to isp.example";
  s.attempts[1].page = "to new.example";
  s.attempts[1].elsewhere = true;
  CHECK(s.at(200ms).winner == 1);
  s.attempts[0].signal = Signal::http_redirect;
  CHECK(s.at(200ms).winner == 0);
  s.attempts[1].elsewhere = false;
  CHECK(s.at(200ms).winner == 1);
}

TEST_CASE("a flight that may be said once is never said beside another") {
  Script s;
  s.replayable = false;
  s.add(0, 0ms);
  CHECK(s.at(5s).kind == Step::Kind::wait);
  s.attempts[0].outcome = Outcome::failed;
  CHECK(s.at(5s).index == 2);  // it could not connect
  s.attempts[0].sent = true;
  CHECK(s.at(5s).kind == Step::Kind::finish);
}

TEST_CASE("the judge convicts on contrast only") {
  Contrast c;
  c.direct = Signal::tls_rst;
  c.other_worked = c.network_alive = true;
  CHECK(rule_on(c) == Ruling::convict);
  auto other = c;
  other.other_worked = false;
  CHECK(rule_on(other) == Ruling::no_contrast);
  other = c;
  other.direct = Signal::none;
  CHECK(rule_on(other) == Ruling::not_failed);
  other.direct = Signal::no_network;
  CHECK(rule_on(other) == Ruling::says_nothing);
  other = c;
  other.network_alive = false;
  CHECK(rule_on(other) == Ruling::network_dead);
  other = c;
  other.network_suspect = true;
  CHECK(rule_on(other) == Ruling::network_suspect);
  other = c;
  other.same_network = false;
  CHECK(rule_on(other) == Ruling::network_changed);
}

TEST_CASE("a network is suspect when unrelated domains fail together and nothing works") {
  NetworkHealth h;
  const Clock::time_point t{};
  CHECK(!h.alive(t));
  CHECK(!h.suspect(t));
  h.direct_failed(t, "a.com");
  h.direct_failed(t, "a.com");
  h.direct_failed(t + 1s, "b.com");
  CHECK(!h.suspect(t + 1s));
  h.direct_failed(t + 2s, "c.com");
  CHECK(h.suspect(t + 2s));
  CHECK(!h.suspect(t + 6s));  // the first two are past
  h.direct_failed(t + 6s, "d.com");
  h.direct_failed(t + 6s, "e.com");
  CHECK(h.suspect(t + 6s));
  CHECK(h.outage(t + 6s));
  // The tunnel comes back first when an outage ends: dials need not be spared any more, verdicts wait.
  h.tunnel_worked(t + 7s);
  CHECK(h.suspect(t + 7s));
  CHECK(!h.outage(t + 7s));
  CHECK(h.alive(t + 17s));
  CHECK(!h.alive(t + 18s));
  h.direct_failed(t + 8s, "f.com");
  h.tunnel_failed(t + 8s);
  CHECK(h.outage(t + 8s));
  h.direct_worked(t + 9s);
  CHECK(!h.suspect(t + 9s));
  CHECK(!h.outage(t + 9s));
  h.link(false);
  CHECK(h.suspect(t + 9s));
  CHECK(!h.failing(t + 9s));
  CHECK(h.outage(t + 9s));
}

TEST_CASE("a network is held suspect until it is known who answers there, and just after a sleep") {
  NetworkHealth h;
  const Clock::time_point t{};
  h.direct_worked(t);
  h.uncertain(true);
  CHECK(h.suspect(t));
  CHECK(!h.failing(t));
  CHECK(!h.outage(t));
  h.forget();
  CHECK(h.suspect(t + 1s));
  h.uncertain(false);
  CHECK(!h.suspect(t + 1s));
  h.hold_until(t + 5s);
  CHECK(h.suspect(t + 4999ms));
  CHECK(!h.suspect(t + 5s));
}

TEST_CASE("expiry grows with every renewal and not within one") {
  Verdict fresh;
  fresh.subject = "x.example";
  auto v = convict(std::nullopt, fresh, 1000, 120s);
  CHECK(v.expires == 1120);
  v = convict(v, fresh, 1010, 120s);
  CHECK(v.step == 0);
  CHECK(v.since == 1000);
  const std::int64_t lengths[] = {600, 3600, 21600, 86400, 86400};
  for (const auto length : lengths) {
    const auto now = v.expires + 5;
    v = convict(v, fresh, now, 120s);
    CHECK(v.expires - now == length);
  }
  CHECK(v.since == 1000);
}

TEST_CASE("a retest comes before the first verdict ends, and every ten minutes at the most seldom") {
  for (int i = 0; i < 200; ++i) {
    const auto host = "h" + std::to_string(i) + ".example";
    const auto first = probe_after(0, 120s, host), later = probe_after(20, 120s, host);
    CHECK(first >= 72s);
    CHECK(first <= 108s);
    CHECK(later >= 480s);
    CHECK(later <= 720s);
  }
  CHECK(probe_after(0, 120s, "a.example") != probe_after(0, 120s, "b.example"));
  Verdict fresh;
  fresh.subject = "x.example";
  auto v = convict(std::nullopt, fresh, 1000, 120s);
  CHECK(v.probed == 1000);
  CHECK(v.probe > 1000);
  CHECK(v.probe < v.expires);
  v.probes = 3;
  v.probe = 1100;
  v = convict(v, fresh, 1010, 120s);  // the same event
  CHECK(v.probe == 1100);
  CHECK(v.probes == 3);
  v = convict(v, fresh, v.expires + 5, 120s);
  CHECK(v.probes == 0);
  CHECK(v.step == 1);
  v = convict(v, fresh, v.expires + 90'000, 120s);  // after a day of peace
  CHECK(v.step == 0);
}
