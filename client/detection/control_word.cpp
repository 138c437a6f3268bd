#include "client/detection/control_word.hpp"

#include "client/detection/site_scope.hpp"
#include "client/dns/answer_check.hpp"

namespace surang::client {
namespace {

using tunnel::ReachAnswer;
using tunnel::Reached;

ControlWord without_answer(const DirectSide& here, const error_code& why) {
  // A bridge that refuses to tell, or is too old to, is there.
  const bool out_of_reach = why == Errc::timed_out || why == Errc::no_route;
  const bool gone = out_of_reach && may_be_network(here.signal) && !here.network_alive;
  return gone ? ControlWord::network_down : ControlWord::says_nothing;
}

ControlWord of_certificate(const DirectSide& here, const ReachAnswer& there) {
  if (!there.tls || there.tls->result != Reached::done) return ControlWord::says_nothing;
  // Bad there as well: the site's own, or a bridge without roots.
  if (!there.tls->verified) return ControlWord::says_nothing;
  return contradicts(here.addresses, there.addresses) ? ControlWord::addresses_differ
                                                      : ControlWord::certificate_differs;
}

ControlWord of_names(const DirectSide& here, const ReachAnswer& there) {
  if (here.signal == Signal::dns_silence) return ControlWord::blocked;
  if (here.signal == Signal::dns_nxdomain || here.addresses.empty()) return ControlWord::addresses_differ;
  // Addresses that the bridge is given as well are no lie, however odd.
  return contradicts(here.addresses, there.addresses) ? ControlWord::addresses_differ
                                                      : ControlWord::says_nothing;
}

ControlWord of_page(const BlockPages& known, const DirectSide& here, const ReachAnswer& there) {
  if (!there.http) return ControlWord::says_nothing;
  const auto& place = there.http->location;
  const bool same =
      here.signal == Signal::http_redirect && !place.empty() && registrable_domain(place) == here.redirect;
  return same || known.knows_place(place) ? ControlWord::open : ControlWord::blocked;
}

}  // namespace

bool down_there(const ReachAnswer& answer) noexcept {
  if (answer.name == ReachAnswer::Name::not_found) return true;
  // Its own name server failing says nothing about the site.
  if (answer.name != ReachAnswer::Name::found || answer.attempts.empty()) return false;
  if (!answer.connected()) return true;
  // Whoever answers otherwise than asked, with an alert or another protocol, is there.
  const auto mute = [](Reached r) { return r == Reached::timed_out || r == Reached::closed; };
  return (answer.tls && mute(answer.tls->result)) || (answer.http && mute(answer.http->result));
}

bool names_differ(const std::vector<boost::asio::ip::address>& here, const ReachAnswer& there) {
  return there.tls && there.tls->verified && contradicts(here, there.addresses);
}

ControlWord judge_control(const BlockPages& known, const DirectSide& here, const Result<ReachAnswer>& there) {
  if (here.signal == Signal::no_network) return ControlWord::network_down;
  if (!there) return without_answer(here, there.error());
  const auto& answer = *there;
  const bool worked = here.signal == Signal::none;
  if (here.certificate == false || here.signal == Signal::tls_certificate)
    return of_certificate(here, answer);
  if (down_there(answer)) {
    // Where only the bridge is shut out, or came further than we did, it is no contrast.
    const bool further = is_connect(here.signal) && answer.connected();
    return worked || further ? ControlWord::says_nothing : ControlWord::down;
  }
  // Of bulk the bridge's handshake or page says nothing: they take a few kilobytes, at any speed.
  if (!answer.works() || is_bulk(here.signal) || here.signal == Signal::other)
    return ControlWord::says_nothing;
  if (worked) return ControlWord::open;
  if (is_dns(here.signal)) return of_names(here, answer);
  if (here.signal == Signal::http_redirect || here.signal == Signal::http_block_page)
    return of_page(known, here, answer);
  return ControlWord::blocked;
}

std::string_view to_string(ControlWord word) noexcept {
  switch (word) {
    case ControlWord::says_nothing:
      return "says_nothing";
    case ControlWord::open:
      return "open";
    case ControlWord::blocked:
      return "blocked";
    case ControlWord::down:
      return "site_down";
    case ControlWord::network_down:
      return "network_down";
    case ControlWord::addresses_differ:
      return "addresses_differ";
    case ControlWord::certificate_differs:
      return "certificate_differs";
  }
  return "?";
}

std::string_view describe(ControlWord word) noexcept {
  switch (word) {
    case ControlWord::says_nothing:
      return "The bridge could not tell whether it is blocked here.";
    case ControlWord::open:
      return "It is not blocked here: the bridge sees the same.";
    case ControlWord::blocked:
      return "It is blocked on this network: the bridge reaches it, and the direct way does not.";
    case ControlWord::down:
      return "It is down, not blocked: it does not answer the bridge either.";
    case ControlWord::network_down:
      return "Nothing answers here at the moment, neither the site nor the bridge: the network itself may be "
             "down.";
    case ControlWord::addresses_differ:
      return "This network's name server seems to lie: the bridge finds the site at other addresses.";
    case ControlWord::certificate_differs:
      return "Somebody seems to answer in the site's place here: the bridge is shown the site's own "
             "certificate.";
  }
  return "";
}

std::string describe(const Result<ReachAnswer>& there) {
  if (!there) {
    const auto& why = there.error();
    if (why == Errc::destination_denied) return "does not look at this destination";
    if (why == Errc::limit) return "was asked too much, and does not say";
    if (why == Errc::no_route) return "cannot be asked: no session is up";
    if (why == Errc::timed_out) return "does not answer";
    return "does not know the question";
  }
  const auto& a = *there;
  if (a.name == ReachAnswer::Name::not_found) return "knows no such name either";
  if (a.name != ReachAnswer::Name::found) return "could not look the name up";
  const auto* const stood = a.connected();
  if (!stood) {
    if (a.attempts.empty()) return "could not try to reach it";
    const auto& first = a.attempts.front();
    const auto at = " at " + first.address.to_string();
    if (first.result == Reached::refused) return "is refused as well" + at;
    return first.result == Reached::unreachable ? "cannot reach it either" + at : "hears nothing either" + at;
  }
  auto words = " at " + stood->address.to_string() + ", " + std::to_string(stood->ms) + " ms";
  if (!a.works()) return "connects" + words + ", and gets no answer";
  words = "reaches it" + words;
  if (a.tls)
    return words + (a.tls->verified ? "; the certificate verifies"
                                    : "; the certificate does not verify (" + a.tls->problem + ")");
  words += "; status " + std::to_string(a.http->status);
  if (!a.http->location.empty()) words += ", on to " + a.http->location;
  if (!a.http->title.empty()) words += ", \"" + a.http->title + '"';
  return words;
}

}  // namespace surang::client
