#include "client/detection/network_watch.hpp"

#include <utility>

namespace surang::client {
namespace {

using namespace std::chrono_literals;

// What the cheap signs are looked at, and the facts themselves where nobody tells of a change: a change must
// not cost the first visit on the new network the old one's dead tunnel.
constexpr auto kLook = 20ms;
// For what changes without a word.
constexpr auto kReadAgain = 2s;
// Soon after joining, the gateway's hardware address becomes known; that is not told.
constexpr auto kSettles = 2s;
// A file of resolvers that is written in place is empty for a moment, which is not to be taken for a network.
constexpr auto kRewritten = 50ms;

}  // namespace

const NetworkIdentity& NetworkWatch::current(Clock::time_point now) {
  if (!stale_ && now < next_look_) return identity_;
  next_look_ = now + kLook;
  if (sources_.clocks && sleep_.slept(sources_.clocks())) {
    ++identity_.sleeps;
    stale_ = true;
  }
  if (sources_.stamp)
    if (auto stamp = sources_.stamp(); stamp != stamp_) {
      stamp_ = std::move(stamp);
      stale_ = true;
    }
  if (stale_ || now >= next_read_) read(now);
  return identity_;
}

void NetworkWatch::read(Clock::time_point now) {
  if (std::exchange(stale_, false)) joined_ = now;
  auto facts = sources_.facts();
  const bool mac_to_come = facts.gateway_mac.empty() && !facts.gateway.empty();
  const bool emptied = facts.resolvers.empty() && !facts_.resolvers.empty();
  if (!emptied)
    emptied_.reset();
  else if (!emptied_)
    emptied_ = now;
  const bool being_written = emptied && now - *emptied_ < kRewritten;
  if (being_written) facts.resolvers = facts_.resolvers;
  // A neighbour entry comes and goes, and is not there yet just after joining: until it is, the gateway is
  // taken for the one last seen at this address.
  auto& mac = macs_[facts.interface_kind + ' ' + facts.gateway];
  if (facts.gateway_mac.empty()) facts.gateway_mac = mac;
  mac = facts.gateway_mac;
  if (macs_.size() > 256) macs_.clear();
  if (identity_.id.empty() || facts != facts_) {
    identity_.id = network_id_of(facts);
    auto unknown = facts;
    unknown.gateway_mac.clear();
    identity_.provisional = network_id_of(unknown);
    facts_ = std::move(facts);
  }
  identity_.link = facts_.link;
  const bool settling = being_written || (mac_to_come && now - joined_ < kSettles);
  next_read_ = now + (told_ && !settling ? Clock::duration(kReadAgain) : Clock::duration(kLook));
}

}  // namespace surang::client
