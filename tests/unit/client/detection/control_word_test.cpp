// What direct showed and what the bridge says, together: a table.
#include "client/detection/control_word.hpp"

#include <doctest.h>

using namespace surang;
using namespace surang::client;
using boost::asio::ip::make_address;
using tunnel::ReachAnswer;
using tunnel::Reached;

namespace {

const auto kTrue = make_address("93.184.1.10"), kOther = make_address("93.184.9.9");

const tunnel::Sha256 kKey{1, 2, 3};

ReachAnswer tls(Reached result, bool verified = true) {
  ReachAnswer a;
  a.name = ReachAnswer::Name::found;
  a.addresses = {kTrue};
  a.attempts = {{kTrue, Reached::done, 12}};
  a.tls.emplace();
  a.tls->result = result;
  if (result == Reached::done) a.tls->key = kKey;
  a.tls->verified = verified && result == Reached::done;
  if (!a.tls->verified) a.tls->problem = "self-signed certificate";
  return a;
}
ReachAnswer unconnected(Reached result) {
  auto a = tls(Reached::done);
  a.tls.reset();
  a.attempts.front().result = result;
  return a;
}
ReachAnswer name(ReachAnswer::Name how) {
  ReachAnswer a;
  a.name = how;
  return a;
}
ReachAnswer page(int status, std::string location = {}) {
  auto a = tls(Reached::done);
  a.tls.reset();
  a.http.emplace();
  a.http->result = Reached::done;
  a.http->status = status;
  a.http->location = std::move(location);
  return a;
}
Result<ReachAnswer> none(Errc why) {
  return make_error_code(why);
}

DirectSide here(Signal signal, std::vector<boost::asio::ip::address> addresses = {kTrue}) {
  DirectSide d;
  d.signal = signal;
  d.addresses = std::move(addresses);
  return d;
}
DirectSide alive(DirectSide d) {
  d.network_alive = true;
  return d;
}
DirectSide certificate(bool good, std::vector<boost::asio::ip::address> addresses = {kTrue}) {
  auto d = here(Signal::none, std::move(addresses));
  d.certificate = good;
  return d;
}
DirectSide redirected(std::string domain) {
  auto d = here(Signal::http_redirect);
  d.redirect = std::move(domain);
  return d;
}

}  // namespace

TEST_CASE("one word for what both sides saw") {
  using W = ControlWord;
  using N = ReachAnswer::Name;
  const struct {
    const char* what;
    DirectSide direct;
    Result<ReachAnswer> bridge;
    ControlWord word;
  } table[] = {
      {"reset after the hello", here(Signal::tls_rst), tls(Reached::done), W::blocked},
      {"forged reset", here(Signal::forged_rst), tls(Reached::done), W::blocked},
      {"silence after the hello", here(Signal::tls_silence), tls(Reached::done), W::blocked},
      {"packets vanish", here(Signal::tcp_silence), tls(Reached::done), W::blocked},
      {"packets vanish, at a far copy of the site", here(Signal::tcp_silence, {kOther}), tls(Reached::done),
       W::blocked},
      {"blocked, with a bad certificate of its own", here(Signal::tls_rst), tls(Reached::done, false),
       W::blocked},
      {"the name server is silent", here(Signal::dns_silence, {}), tls(Reached::done), W::blocked},

      {"refuses everybody", here(Signal::tcp_rst), unconnected(Reached::refused), W::down},
      {"silent to everybody", here(Signal::tcp_silence), unconnected(Reached::timed_out), W::down},
      {"no route from anywhere", here(Signal::tcp_icmp), unconnected(Reached::unreachable), W::down},
      {"no such name", here(Signal::dns_nxdomain, {}), name(N::not_found), W::down},
      {"an address here, no name there", here(Signal::tcp_silence), name(N::not_found), W::down},
      {"closes on everybody", here(Signal::tls_fin), tls(Reached::closed), W::down},
      {"mute to everybody", here(Signal::tls_silence), tls(Reached::timed_out), W::down},
      {"the bridge came further", here(Signal::tcp_silence), tls(Reached::timed_out), W::says_nothing},
      {"an alert for the bridge", here(Signal::tls_silence), tls(Reached::failed), W::says_nothing},
      {"the bridge alone is shut out", here(Signal::none), unconnected(Reached::refused), W::says_nothing},
      {"the bridge's name server fails", here(Signal::tcp_silence), name(N::timed_out), W::says_nothing},
      {"nor anything else there", here(Signal::tcp_silence), name(N::failed), W::says_nothing},

      {"works for both", here(Signal::none), tls(Reached::done), W::open},
      {"works for both, many addresses", here(Signal::none, {kOther}), tls(Reached::done), W::open},
      {"frozen", here(Signal::frozen), tls(Reached::done), W::says_nothing},
      {"throttled", here(Signal::throttled), tls(Reached::done), W::says_nothing},
      {"failed somehow", here(Signal::other), tls(Reached::done), W::says_nothing},

      {"name server knows no such site", here(Signal::dns_nxdomain, {}), tls(Reached::done),
       W::addresses_differ},
      {"private address", here(Signal::dns_bogon, {make_address("10.10.34.35")}), tls(Reached::done),
       W::addresses_differ},
      {"two answers", here(Signal::dns_late_answer, {kOther}), tls(Reached::done), W::addresses_differ},
      {"an odd address, and the bridge is given it too", here(Signal::dns_sinkhole), tls(Reached::done),
       W::says_nothing},
      {"another server's certificate elsewhere", here(Signal::tls_certificate, {kOther}), tls(Reached::done),
       W::addresses_differ},
      {"the same, found by a look", certificate(false, {kOther}), tls(Reached::done), W::addresses_differ},
      {"other addresses that prove themselves", certificate(true, {kOther}), tls(Reached::done), W::open},
      {"another certificate at the site's own address", here(Signal::tls_certificate), tls(Reached::done),
       W::certificate_differs},
      {"the site's own bad certificate", here(Signal::tls_certificate), tls(Reached::done, false),
       W::says_nothing},
      {"a bad certificate, and none there", here(Signal::tls_certificate), tls(Reached::closed),
       W::says_nothing},

      {"block page", here(Signal::http_block_page), page(200), W::blocked},
      {"led elsewhere", redirected("blocked.example"), page(200), W::blocked},
      {"led elsewhere, and so is the bridge", redirected("shop.example"), page(302, "www.shop.example"),
       W::open},
      {"led to two different places", redirected("blocked.example"), page(302, "www.shop.example"),
       W::blocked},
      {"nothing to an HTTP request", here(Signal::http_silence), page(200), W::blocked},

      {"no network", here(Signal::no_network), none(Errc::no_route), W::network_down},
      {"silence all round", here(Signal::tcp_silence), none(Errc::timed_out), W::network_down},
      {"no session, and nothing else answers", here(Signal::dns_silence), none(Errc::no_route),
       W::network_down},
      {"no session on a living network", alive(here(Signal::tcp_silence)), none(Errc::no_route),
       W::says_nothing},
      {"the bridge fell silent alone", alive(here(Signal::tls_rst)), none(Errc::timed_out), W::says_nothing},
      {"a reset is no outage", here(Signal::tls_rst), none(Errc::timed_out), W::says_nothing},
      {"an old bridge", here(Signal::tcp_silence), none(Errc::protocol), W::says_nothing},
      {"asked too often", here(Signal::tcp_silence), none(Errc::limit), W::says_nothing},
      {"not allowed", here(Signal::tcp_silence), none(Errc::destination_denied), W::says_nothing},
  };
  const BlockPages known(config::shipped_block_pages());
  for (const auto& row : table) {
    const auto word = judge_control(known, row.direct, row.bridge);
    CHECK_MESSAGE(word == row.word, row.what << ": " << to_string(word));
    CHECK(!describe(word).empty());
    CHECK(!describe(row.bridge).empty());
  }
}

TEST_CASE("what the bridge saw, in words") {
  CHECK(describe(Result<ReachAnswer>(tls(Reached::done))) ==
        "reaches it at 93.184.1.10, 12 ms; the certificate verifies");
  CHECK(describe(Result<ReachAnswer>(tls(Reached::done, false))) ==
        "reaches it at 93.184.1.10, 12 ms; the certificate does not verify (self-signed certificate)");
  CHECK(describe(Result<ReachAnswer>(page(302, "shop.example"))) ==
        "reaches it at 93.184.1.10, 12 ms; status 302, on to shop.example");
  CHECK(describe(Result<ReachAnswer>(unconnected(Reached::refused))) == "is refused as well at 93.184.1.10");
  CHECK(describe(Result<ReachAnswer>(tls(Reached::closed))) ==
        "connects at 93.184.1.10, 12 ms, and gets no answer");
}

TEST_CASE("only a certificate that verifies there speaks against the name server here") {
  CHECK(names_differ({kOther}, tls(Reached::done)));
  CHECK_FALSE(names_differ({kTrue}, tls(Reached::done)));
  CHECK_FALSE(names_differ({kOther}, tls(Reached::done, false)));
  CHECK_FALSE(names_differ({kOther}, page(200)));
  CHECK_FALSE(names_differ({}, tls(Reached::done)));
  CHECK_FALSE(names_differ({make_address("2a00:93::1")}, tls(Reached::done)));  // another family
}
