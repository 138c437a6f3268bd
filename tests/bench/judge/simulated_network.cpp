#include "tests/bench/judge/simulated_network.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "client/detection/probe_flight.hpp"
#include "tests/bench/judge/simulated_keys.hpp"
#include "tests/bench/judge/simulated_stream.hpp"

namespace surang::judge {
namespace {

using namespace std::chrono_literals;
using namespace client;
using asio::ip::address;

constexpr std::size_t kRandomAt = 11, kRandomSize = 32;  // record 5, handshake 4, version 2
constexpr std::uint8_t kMark = 0xB5;
constexpr std::uint64_t kProviders = 3;              // of encrypted DNS
constexpr std::uint32_t kFirstAddress = 0x5DB80101;  // 93.184.1.1
const address kBogon = asio::ip::make_address("10.10.34.35"), kLiar = asio::ip::make_address("93.190.1.1");

}  // namespace

std::string_view to_string(Block block) {
  constexpr std::array<std::string_view, kBlocks> kNames{"open",     "DNS NXDOMAIN", "DNS bogon", "DNS liar",
                                                         "SYN drop", "SYN reset",    "ICMP",      "TLS reset",
                                                         "TLS fin",  "TLS silence"};
  return kNames[static_cast<std::size_t>(block)];
}

bool within(const std::vector<Span>& spans, Clock::duration at) {
  return std::any_of(spans.begin(), spans.end(),
                     [&](const auto& s) { return s.first <= at && at < s.second; });
}

void mark_as_browsers(std::span<std::uint8_t> hello) {
  std::fill_n(hello.begin() + kRandomAt, kRandomSize, kMark);
}

bool is_browsers(std::span<const std::uint8_t> flight) {
  if (flight.size() < kRandomAt + kRandomSize || flight[0] != 22)
    return !flight.empty() && (flight[0] == 'G' || flight[0] == 'P');
  return std::all_of(flight.begin() + kRandomAt, flight.begin() + kRandomAt + kRandomSize,
                     [](auto b) { return b == kMark; });
}

std::vector<std::uint8_t> session_id_of(std::span<const std::uint8_t> hello) {
  const auto at = kRandomAt + kRandomSize;
  if (hello.size() <= at || hello.size() < at + 1 + hello[at]) return {};
  return {hello.begin() + at + 1, hello.begin() + at + 1 + hello[at]};
}

struct SimulatedNetwork::Names : client::Names {
  explicit Names(SimulatedNetwork& n) : net(n) {}
  SimulatedNetwork& net;
  std::map<std::string, Clock::time_point> cached;

  asio::awaitable<NameAnswer> system(std::string host) override {
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
    const bool lied_to = site && net.is_blocked(*site);
    if (!site || (lied_to && site->block == Block::dns_nxdomain)) {
      answer.doubt = Signal::dns_nxdomain;
      answer.error = make_error_code(Errc::name_not_found);
    } else if (lied_to && site->block == Block::dns_bogon) {
      answer.doubt = Signal::dns_bogon;
      answer.addresses.push_back(kBogon);
    } else if (lied_to && site->block == Block::dns_liar) {
      answer.thin = true;
      answer.addresses.push_back(kLiar);
    } else {
      answer.addresses.push_back(net.address_of(*site));
    }
    co_return answer;
  }
  asio::awaitable<Result<std::vector<address>>> encrypted(std::string host) override {
    // Who cannot be reached is followed by the next, by all ways.
    net.dials.encrypted_dns += net.away() ? 2 * kProviders : 1;
    for (int i = 0; i < 3; ++i) co_await net.pause(net.exchange(net.conditions_.rtt, 1s));
    if (net.away()) {
      co_await net.pause(6s);
      co_return make_error_code(Errc::timed_out);
    }
    const auto* site = net.called(host);
    if (!site) co_return make_error_code(Errc::name_not_found);
    co_return std::vector<address>{net.address_of(*site)};
  }
  bool has_encrypted() const noexcept override { return true; }
  void trust(const std::string&) override {}
  void forget() override { cached.clear(); }
  void forget_name(const std::string& host) override { cached.erase(host); }
};

struct SimulatedNetwork::Connector : client::Connector {
  explicit Connector(SimulatedNetwork& n) : net(n) {}
  SimulatedNetwork& net;

  asio::awaitable<Result<StreamPtr>> connect(std::vector<address> addresses, std::uint16_t port,
                                             std::vector<ConnectAttempt>* attempts) override {
    ++net.dials.direct;
    const auto to = addresses.front();
    const auto* site = net.at(to);
    const auto begun = Clock::now();
    const bool blocked = site && net.is_blocked(*site);
    const auto rtt = net.conditions_.rtt + (site ? site->distance : Clock::duration(20ms));
    auto fate = Fate::answers;
    if (to == kLiar || to == kBogon) fate = Fate::impostor;
    const auto mood =
        site && net.chance() < site->flaky ? net.chance() : 1.0;  // the site's own fault below 1
    error_code error;
    Clock::duration wait = net.exchange(rtt, 1s);
    const bool vanishes = net.away() || to == kBogon || (blocked && site->block == Block::syn_drop);
    if (vanishes || wait > 10s) {
      wait = 10s;
      error = make_error_code(Errc::timed_out);
    } else if (blocked && site->block == Block::syn_reset) {
      wait = net.conditions_.rtt / 2;
      error = asio::error::connection_refused;
    } else if (blocked && site->block == Block::icmp) {
      wait = net.conditions_.rtt / 2;
      error = asio::error::host_unreachable;
    } else if (mood < 0.3) {
      error = asio::error::connection_refused;
    }
    co_await net.pause(wait);
    if (attempts) attempts->push_back({{to, port}, error, Clock::now() - begun});
    if (error) co_return error;
    if (mood < 0.6)
      fate = Fate::reset;
    else if (mood < 1)
      fate = Fate::silent;
    if (blocked && site->block == Block::reset) fate = Fate::reset;
    if (blocked && site->block == Block::fin) fate = Fate::fin;
    if (blocked && site->block == Block::silence) fate = Fate::silent;
    co_return std::make_unique<SimulatedStream>(net, site, fate, rtt, true);
  }
};

struct SimulatedNetwork::Tunnel : Dialer {
  explicit Tunnel(SimulatedNetwork& n) : net(n) {}
  SimulatedNetwork& net;

  asio::awaitable<Result<StreamPtr>> dial(Endpoint to) override {
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
};

SimulatedNetwork::SimulatedNetwork(asio::any_io_executor executor, Conditions conditions,
                                   std::vector<Site> sites, unsigned seed)
    : executor_(executor), conditions_(std::move(conditions)), sites_(std::move(sites)), random_(seed) {
  std::string names;
  for (const auto& s : sites_) names += (names.empty() ? "" : ",DNS:") + s.name;
  keys_ = std::make_unique<Keys>(names);
  tunnel_ = std::make_unique<Tunnel>(*this);
}

SimulatedNetwork::~SimulatedNetwork() = default;

RouterParts SimulatedNetwork::parts() {
  RouterParts p;
  p.names = std::make_unique<Names>(*this);
  p.connector = std::make_unique<Connector>(*this);
  p.network = [this] { return &identity_; };
  p.is_local = [](const Endpoint&) { return false; };
  p.heard = [](const Stream&) { return true; };
  return p;
}

Dialer& SimulatedNetwork::tunnel() {
  return *tunnel_;
}

const std::string& SimulatedNetwork::authority() const {
  return keys_->sites.certificate_pem;
}

Clock::duration SimulatedNetwork::now() const {
  return Clock::now() - begin_;
}

bool SimulatedNetwork::is_blocked(const Site& site) const {
  return within(site.blocked, now());
}

bool SimulatedNetwork::away() const {
  return within(conditions_.outages, now());
}

FirstFlight SimulatedNetwork::browser_flight(const std::string& host) {
  auto& flight = hellos_[host];
  if (flight.bytes.empty()) {
    flight = tls_probe_flight(host);
    mark_as_browsers(flight.bytes);
  }
  return flight;
}

const Site* SimulatedNetwork::at(const address& a) const {
  if (!a.is_v4()) return nullptr;
  const auto number = a.to_v4().to_uint() - kFirstAddress;
  return number < sites_.size() ? &sites_[number] : nullptr;
}

const Site* SimulatedNetwork::called(const std::string& name) const {
  const auto it = std::find_if(sites_.begin(), sites_.end(), [&](const auto& s) { return s.name == name; });
  return it == sites_.end() ? nullptr : &*it;
}

address SimulatedNetwork::address_of(const Site& site) const {
  return asio::ip::make_address_v4(kFirstAddress + static_cast<std::uint32_t>(&site - sites_.data()));
}

Clock::duration SimulatedNetwork::exchange(Clock::duration rtt, Clock::duration timeout) {
  auto wait = rtt;
  for (int way = 0; way < 2; ++way)
    while (chance() < conditions_.loss) {
      wait += timeout;
      timeout *= 2;
    }
  return wait;
}

asio::awaitable<void> SimulatedNetwork::pause(Clock::duration time) {
  asio::steady_timer timer(executor_, time);
  co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace surang::judge
