#include "tests/bench/judge/simulated_parts.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "tests/bench/judge/simulated_stream.hpp"

namespace surang::judge {
namespace {

using namespace std::chrono_literals;
using namespace client;
using asio::ip::address;

constexpr std::uint64_t kProviders = 3;                               // of encrypted DNS
constexpr Clock::duration kConnectLimit = 10s, kNextAddress = 250ms;  // RFC 8305 5
const address kBogon = asio::ip::make_address("10.10.34.35"), kLiar = asio::ip::make_address("93.190.1.1");

}  // namespace

asio::awaitable<NameAnswer> SimulatedNetwork::Names::system(std::string host) {
  const auto* site = net.called(host);
  const bool fresh = cached[host] < Clock::now();
  if (fresh) co_await net.pause(net.exchange(net.conditions_.rtt, 1500ms));
  NameAnswer answer;
  if (net.away() && fresh && !net.conditions_.names_survive) {
    co_await net.pause(4s);
    answer.doubt = Signal::dns_silence;
    answer.error = make_error_code(Errc::timed_out);
    co_return answer;
  }
  cached[host] = Clock::now() + 60s;
  if (!site || net.suffers(*site, Block::dns_nxdomain)) {
    answer.doubt = Signal::dns_nxdomain;
    answer.error = make_error_code(Errc::name_not_found);
  } else if (net.suffers(*site, Block::dns_bogon)) {
    answer.doubt = Signal::dns_bogon;
    answer.addresses.push_back(kBogon);
  } else if (net.suffers(*site, Block::dns_liar)) {
    answer.thin = true;
    answer.addresses.push_back(kLiar);
  } else {
    answer.addresses = net.addresses_of(*site);
  }
  co_return answer;
}

asio::awaitable<Result<std::vector<address>>> SimulatedNetwork::Names::encrypted(std::string host) {
  // Who cannot be reached is followed by the next, by all ways.
  net.dials.encrypted_dns += net.away() ? 2 * kProviders : 1;
  for (int i = 0; i < 3; ++i) co_await net.pause(net.exchange(net.conditions_.rtt, 1s));
  if (net.away()) {
    co_await net.pause(6s);
    co_return make_error_code(Errc::timed_out);
  }
  const auto* site = net.called(host);
  if (!site) co_return make_error_code(Errc::name_not_found);
  co_return net.addresses_of(*site);
}

SimulatedNetwork::Connector::Outcome SimulatedNetwork::Connector::dial(const address& to, double mood) {
  const auto* site = net.at(to);
  const auto rtt = net.conditions_.rtt + (site ? site->distance : Clock::duration(20ms));
  const auto wait = net.exchange(rtt, 1s);
  const bool dropped =
      site && (net.suffers(*site, Block::syn_drop) || (net.suffers(*site, Block::v4_drop) && to.is_v4()));
  if (net.away() || to == kBogon || dropped || wait > kConnectLimit)
    return {kConnectLimit, make_error_code(Errc::timed_out)};
  if (site && net.suffers(*site, Block::syn_reset))
    return {net.conditions_.rtt / 2, asio::error::connection_refused};
  if (site && net.suffers(*site, Block::icmp))
    return {net.conditions_.rtt / 2, asio::error::host_unreachable};
  if (mood < 0.3) return {wait, asio::error::connection_refused};
  return {wait, {}};
}

// Address by address, each beside the ones before it.
asio::awaitable<Result<StreamPtr>> SimulatedNetwork::Connector::connect(
    std::vector<address> addresses, std::uint16_t port, std::vector<ConnectAttempt>* attempts) {
  ++net.dials.direct;
  const auto* site = net.at(addresses.front());
  const auto mood = site && net.chance() < site->flaky ? net.chance() : 1.0;
  std::vector<Outcome> outcomes;
  std::vector<Clock::duration> begun;
  Clock::duration start{}, end{}, last{};
  std::size_t winner = addresses.size();
  for (std::size_t i = 0; i < addresses.size() && (winner == addresses.size() || start < end); ++i) {
    const auto outcome = dial(addresses[i], mood);
    outcomes.push_back(outcome);
    begun.push_back(start);
    last = std::max(last, start + outcome.took);
    if (!outcome.error && (winner == addresses.size() || start + outcome.took < end)) {
      winner = i;
      end = start + outcome.took;
    }
    start = std::min(start + kNextAddress, outcome.error ? start + outcome.took : start + kNextAddress);
  }
  const bool connected = winner < addresses.size();
  if (!connected) end = std::min(last, kConnectLimit);
  co_await net.pause(end);
  for (std::size_t i = 0; attempts && i < outcomes.size(); ++i) {
    auto result = outcomes[i].error;
    if (i != winner && connected && begun[i] + outcomes[i].took > end)
      result = asio::error::operation_aborted;
    attempts->push_back({{addresses[i], port}, result, std::min(outcomes[i].took, end - begun[i])});
  }
  if (!connected) co_return outcomes.front().error;
  const auto to = addresses[winner];
  auto fate = to == kLiar || to == kBogon ? Fate::impostor : Fate::answers;
  if (mood < 0.6)
    fate = Fate::reset_by_site;
  else if (mood < 1)
    fate = Fate::silent;
  if (site) {
    const auto block = net.block_of(*site);
    const bool reset = includes(block, Block::reset) || (block == Block::v6_reset && to.is_v6()) ||
                       (block == Block::throttle_reset && net.chance() < 0.5);
    if (reset) fate = Fate::reset;
    if (block == Block::fin) fate = Fate::fin;
    if (block == Block::silence) fate = Fate::silent;
    if (block == Block::impostor) fate = Fate::impostor;
  }
  const auto rtt = net.conditions_.rtt + (site ? site->distance : Clock::duration(20ms));
  co_return std::make_unique<SimulatedStream>(net, site, fate, rtt, true);
}

asio::awaitable<Result<StreamPtr>> SimulatedNetwork::Tunnel::dial(Endpoint to) {
  ++net.dials.bridge;
  if (within(net.conditions_.bridge_down, net.now())) {
    co_await net.pause(1s);
    co_return make_error_code(Errc::no_route);
  }
  for (int waited = 0; net.away(); ++waited) {
    co_await net.pause(100ms);
    if (waited > 50) co_return make_error_code(Errc::no_route);
  }
  const auto* site = net.called(to.host());
  auto fate = Fate::answers;
  if (const auto mood = site && net.chance() < site->flaky ? net.chance() : 1.0; mood < 1)
    fate = mood < 0.6 ? Fate::bridge_says_down : Fate::silent;
  const auto rtt = net.conditions_.bridge_rtt + (site ? 2 * site->distance : Clock::duration(10ms));
  co_return std::make_unique<SimulatedStream>(net, site, fate, rtt, false);
}

// As reach_check of a bridge answers: it dials the site itself.
asio::awaitable<Result<tunnel::ReachAnswer>> SimulatedNetwork::Control::reach(Endpoint to) {
  using tunnel::Reached;
  if (within(net.conditions_.bridge_down, net.now())) co_return make_error_code(Errc::no_route);
  const auto* site = net.called(to.host());
  const auto there = site ? 2 * site->distance : Clock::duration(10ms);
  co_await net.pause(net.exchange(net.conditions_.bridge_rtt, 500ms) + 2 * there);
  if (net.away()) {
    co_await net.pause(5s);
    co_return make_error_code(Errc::timed_out);
  }
  tunnel::ReachAnswer answer;
  answer.name = site ? tunnel::ReachAnswer::Name::found : tunnel::ReachAnswer::Name::not_found;
  if (!site) co_return answer;
  answer.addresses = net.addresses_of(*site);
  const bool refused = net.chance() < site->flaky;
  answer.attempts.push_back({answer.addresses.front(), refused ? Reached::refused : Reached::done,
                             static_cast<std::uint32_t>(there / 1ms)});
  if (refused) co_return answer;
  if (tunnel::speaks_http(to.port())) {
    answer.http.emplace();
    answer.http->result = Reached::done;
    answer.http->status = 200;
  } else {
    answer.tls.emplace();
    answer.tls->result = Reached::done;
    answer.tls->verified = true;
  }
  co_return answer;
}

}  // namespace surang::judge
