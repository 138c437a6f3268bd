#include "tests/bench/judge/simulated_network.hpp"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "client/detection/probe_flight.hpp"
#include "tests/bench/judge/simulated_keys.hpp"
#include "tests/bench/judge/simulated_parts.hpp"

namespace surang::judge {
namespace {

using namespace std::chrono_literals;
using namespace client;
using asio::ip::address;

constexpr std::size_t kRandomAt = 11, kRandomSize = 32;  // record 5, handshake 4, version 2
constexpr std::uint8_t kMark = 0xB5;
constexpr std::uint32_t kFirstAddress = 0x5DB80101;  // 93.184.1.1, and 2a00:1450::5db8:101

}  // namespace

void mark_as_browsers(std::span<std::uint8_t> hello) {
  std::fill_n(hello.begin() + kRandomAt, kRandomSize, kMark);
}

bool is_browsers(std::span<const std::uint8_t> flight) {
  if (flight.size() < kRandomAt + kRandomSize || flight[0] != 22) {
    const std::string_view text(reinterpret_cast<const char*>(flight.data()), flight.size());
    return text.find(kBrowsersField) != text.npos;
  }
  return std::all_of(flight.begin() + kRandomAt, flight.begin() + kRandomAt + kRandomSize,
                     [](auto b) { return b == kMark; });
}

std::vector<std::uint8_t> session_id_of(std::span<const std::uint8_t> hello) {
  const auto at = kRandomAt + kRandomSize;
  if (hello.size() <= at || hello.size() < at + 1 + hello[at]) return {};
  return {hello.begin() + at + 1, hello.begin() + at + 1 + hello[at]};
}

SimulatedNetwork::SimulatedNetwork(asio::any_io_executor executor, Conditions conditions,
                                   std::vector<Site> sites, unsigned seed)
    : executor_(executor), conditions_(std::move(conditions)), sites_(std::move(sites)), random_(seed) {
  std::string names;
  for (const auto& s : sites_) names += (names.empty() ? "" : ",DNS:") + s.name;
  keys_ = std::make_unique<Keys>(names);
  tunnel_ = std::make_unique<Tunnel>(*this);
  control_ = std::make_unique<Control>(*this);
}

SimulatedNetwork::~SimulatedNetwork() = default;

RouterParts SimulatedNetwork::parts() {
  RouterParts p;
  p.names = std::make_unique<Names>(*this);
  p.connector = std::make_unique<Connector>(*this);
  p.network = [this] {
    const auto id = identity_of(provider());
    if (identity_.id != id) identity_.id = id;
    return &identity_;
  };
  p.is_local = [](const Endpoint&) { return false; };
  p.heard = [](const Stream&) { return true; };
  if (conditions_.control) p.control = control_.get();
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

std::string SimulatedNetwork::identity_of(int provider) {
  return provider == 0 ? "simulated" : "simulated too";
}

Block SimulatedNetwork::block_of(const Site& site) const {
  const auto& censored = site.censored[static_cast<std::size_t>(provider())];
  return within(censored.when, now()) ? censored.block : Block::none;
}

bool SimulatedNetwork::away() const {
  return within(conditions_.outages, now());
}

FirstFlight SimulatedNetwork::browser_flight(const Site& site, std::size_t size) {
  if (site.plain) {
    FirstFlight flight;
    flight.kind = FirstFlight::Kind::http;
    flight.host = site.name;
    flight.method = "GET";
    flight.replayable = true;
    const auto text = "GET /" + std::to_string(size) + " HTTP/1.1\r\nHost: " + site.name + "\r\n" +
                      std::string(kBrowsersField) + "\r\n\r\n";
    flight.bytes.assign(text.begin(), text.end());
    return flight;
  }
  auto& flight = hellos_[site.name];
  if (flight.bytes.empty()) {
    flight = tls_probe_flight(site.name);
    mark_as_browsers(flight.bytes);
  }
  return flight;
}

const Site* SimulatedNetwork::at(const address& a) const {
  std::uint32_t number = 0;
  if (a.is_v4())
    number = a.to_v4().to_uint();
  else
    for (std::size_t i = 12; i < 16; ++i) number = number << 8 | a.to_v6().to_bytes()[i];
  number -= kFirstAddress;
  return number < sites_.size() ? &sites_[number] : nullptr;
}

const Site* SimulatedNetwork::called(const std::string& name) const {
  const auto it = std::find_if(sites_.begin(), sites_.end(), [&](const auto& s) { return s.name == name; });
  return it == sites_.end() ? nullptr : &*it;
}

std::vector<address> SimulatedNetwork::addresses_of(const Site& site) const {
  const auto number = kFirstAddress + static_cast<std::uint32_t>(&site - sites_.data());
  asio::ip::address_v6::bytes_type v6{0x2a, 0x00, 0x14, 0x50};
  for (std::size_t i = 0; i < 4; ++i) v6[12 + i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
  std::vector<address> addresses;
  if (site.has_v4) addresses.emplace_back(asio::ip::make_address_v4(number));
  if (site.has_v6)
    addresses.insert(site.v6_first ? addresses.begin() : addresses.end(), asio::ip::make_address_v6(v6));
  return addresses;
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
