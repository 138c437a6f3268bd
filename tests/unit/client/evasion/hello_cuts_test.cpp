// Where a hello is cut, what its fragments are, and which evasions have a chance.
#include <doctest.h>

#include <string>

#include "client/detection/probe_flight.hpp"
#include "client/evasion/choice.hpp"
#include "client/evasion/fragment_records.hpp"
#include "client/evasion/hello_cuts.hpp"
#include "transports/tls/client_hello.hpp"

using namespace surang;
using namespace surang::client;

namespace {

using Bytes = std::vector<std::uint8_t>;

tls::ClientHello parsed(const Bytes& bytes) {
  tls::ClientHello hello;
  REQUIRE(tls::parse_client_hello(bytes, hello) == tls::HelloState::complete);
  return hello;
}

// The payload of the record at `at`, which moves on to the next.
std::string next_record(const Bytes& bytes, std::size_t& at) {
  REQUIRE(at + 5 <= bytes.size());
  const auto size = static_cast<std::size_t>(bytes[at + 3] << 8 | bytes[at + 4]);
  REQUIRE(at + 5 + size <= bytes.size());
  const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(at + 5);
  at += 5 + size;
  return {begin, begin + static_cast<std::ptrdiff_t>(size)};
}

std::vector<std::string> records(const Bytes& bytes) {
  std::vector<std::string> all;
  for (std::size_t at = 0; at < bytes.size();) all.push_back(next_record(bytes, at));
  return all;
}

// A hello with an extension of so many bytes in front of everything, as post-quantum key shares make it.
Bytes padded(const std::string& host, std::size_t padding) {
  auto flight = tls_probe_flight(host).bytes;
  const auto hello = parsed(flight);
  auto message = hello.message;
  std::size_t at = 4 + 2 + 32;
  at += 1 + message[at];
  at += 2 + static_cast<std::size_t>(message[at] << 8 | message[at + 1]);
  at += 1 + message[at];
  const auto extensions = static_cast<std::size_t>(message[at] << 8 | message[at + 1]) + 4 + padding;
  message[at] = static_cast<std::uint8_t>(extensions >> 8);
  message[at + 1] = static_cast<std::uint8_t>(extensions & 0xFF);
  Bytes extension{0xFE, 0x00, static_cast<std::uint8_t>(padding >> 8),
                  static_cast<std::uint8_t>(padding & 0xFF)};
  extension.resize(4 + padding, 7);
  message.insert(message.begin() + static_cast<std::ptrdiff_t>(at + 2), extension.begin(), extension.end());
  const auto size = message.size() - 4;
  message[1] = static_cast<std::uint8_t>(size >> 16);
  message[2] = static_cast<std::uint8_t>(size >> 8 & 0xFF);
  message[3] = static_cast<std::uint8_t>(size & 0xFF);
  Bytes out;
  constexpr std::size_t kRecord = 16384;
  for (std::size_t begin = 0; begin < message.size(); begin += kRecord) {
    const auto part = std::min(kRecord, message.size() - begin);
    out.insert(out.end(),
               {22, 3, 1, static_cast<std::uint8_t>(part >> 8), static_cast<std::uint8_t>(part & 0xFF)});
    out.insert(out.end(), message.begin() + static_cast<std::ptrdiff_t>(begin),
               message.begin() + static_cast<std::ptrdiff_t>(begin + part));
  }
  return out;
}

}  // namespace

TEST_CASE("every label left of the public suffix is cut inside") {
  using Cuts = std::vector<std::size_t>;
  CHECK(label_cuts("twitter.com") == Cuts{3});
  CHECK(label_cuts("www.bbc.co.uk") == Cuts{1, 5});
  CHECK(label_cuts("x.com") == Cuts{1});  // one character cannot be cut inside
  CHECK(label_cuts("a.b.example.org") == Cuts{1, 3, 7});
  CHECK(label_cuts("me.github.io") == Cuts{1});
  CHECK(label_cuts("localhost") == Cuts{4});
  CHECK(label_cuts("") == Cuts{});
}

TEST_CASE("the pieces of a hello are the same message, and none shows a label whole") {
  for (const auto* host : {"x.com", "www.youtube.com", "news.bbc.co.uk"}) {
    const auto flight = tls_probe_flight(host).bytes;
    const auto whole = parsed(flight);
    const auto cuts = hello_cuts(flight);
    const auto pieces = fragment_records(flight, cuts);
    const auto again = parsed(pieces);
    CHECK(again.message == whole.message);
    CHECK(again.size == pieces.size());
    CHECK(again.record_version == whole.record_version);
    CHECK(records(pieces).size() == cuts.size() + 1);
    for (const auto& record : records(pieces)) CHECK(record.find(host) == record.npos);
  }
  const auto flight = tls_probe_flight("www.youtube.com").bytes;
  for (const auto& record : records(fragment_records(flight, hello_cuts(flight)))) {
    CHECK(record.find("www") == record.npos);
    CHECK(record.find("youtube") == record.npos);
  }
}

TEST_CASE("long hellos and those in several records are cut where the name lies") {
  for (const auto padding : {1700, 16000, 16250}) {
    const auto flight = padded("www.example.com", static_cast<std::size_t>(padding));
    const auto whole = parsed(flight);
    CHECK(whole.server_name == "www.example.com");
    const auto cuts = hello_cuts(flight);
    REQUIRE(cuts.size() == 2);
    const auto pieces = fragment_records(flight, cuts);
    CHECK(parsed(pieces).message == whole.message);
    for (const auto& record : records(pieces)) CHECK(record.find("example") == record.npos);
    // What is in pieces already may be cut once more.
    const auto twice = fragment_records(pieces, hello_cuts(pieces));
    CHECK(parsed(twice).message == whole.message);
  }
}

TEST_CASE("what is no hello with a name stays as it is") {
  const Bytes text{'G', 'E', 'T', ' ', '/'};
  CHECK(hello_cuts(text).empty());
  CHECK(fragment_records(text, std::vector<std::size_t>{2}) == text);
  const auto unnamed = tls_probe_flight("93.184.1.1").bytes;
  CHECK(hello_cuts(unnamed).empty());
  auto half = tls_probe_flight("example.com").bytes;
  const auto cuts = hello_cuts(half);
  half.resize(half.size() - 1);
  CHECK(hello_cuts(half).empty());
  CHECK(fragment_records(half, cuts) == half);
  auto more = tls_probe_flight("example.com").bytes;
  const auto size = more.size();
  more.insert(more.end(), {23, 3, 3, 0, 2, 1, 2, 9});  // early data, and a piece of what follows
  const auto pieces = fragment_records(more, hello_cuts(more));
  CHECK(pieces.size() == more.size() + 5);
  CHECK(Bytes(pieces.end() - 8, pieces.end()) ==
        Bytes(more.begin() + static_cast<std::ptrdiff_t>(size), more.end()));
}

TEST_CASE("an evasion is for what a name or an address explains") {
  CHECK(may_help(Way::direct_fragmented, Signal::tls_rst, false));
  CHECK(may_help(Way::direct_split, Signal::tls_lost, false));
  for (const auto signal : {Signal::tcp_silence, Signal::dns_bogon, Signal::tls_certificate, Signal::http_rst,
                            Signal::none, Signal::other, Signal::frozen})
    CHECK(!may_help(Way::direct_fragmented, signal, true));
  CHECK(may_help(Way::direct_other_address, Signal::tcp_rst, true));
  CHECK(may_help(Way::direct_other_address, Signal::http_silence, true));
  CHECK(!may_help(Way::direct_other_address, Signal::tls_rst, false));
  CHECK(!may_help(Way::tunnel, Signal::tls_rst, true));

  EvasionFacts facts;
  facts.hello = facts.name = true;
  using Ways = std::vector<Way>;
  CHECK(evasions_for(facts) == Ways{Way::direct_fragmented, Way::direct_split, Way::direct_other_address});
  facts.favourite = Way::direct_split;
  CHECK(evasions_for(facts) == Ways{Way::direct_split, Way::direct_fragmented, Way::direct_other_address});
  facts.cutting = false;
  CHECK(evasions_for(facts) == Ways{Way::direct_other_address});
  facts.name = false;
  CHECK(evasions_for(facts).empty());
}

TEST_CASE("another address is of the other family first") {
  const auto at = [](const char* text) { return boost::asio::ip::make_address(text); };
  using Addresses = std::vector<boost::asio::ip::address>;
  const Addresses all{at("2a00::1"), at("2a00::2"), at("192.0.2.1")};
  CHECK(other_addresses(all, Addresses{at("2a00::1")}) == Addresses{at("192.0.2.1"), at("2a00::2")});
  CHECK(other_addresses(all, Addresses{at("192.0.2.1")}) == Addresses{at("2a00::1"), at("2a00::2")});
  CHECK(other_addresses(all, all).empty());
  CHECK(other_addresses(all, {}) == all);
}

TEST_CASE("what worked is remembered for a network, and for a host until the network changes") {
  EvasionMemory memory;
  CHECK(!memory.favourite("home"));
  memory.worked("home", "a.example", Way::direct_split);
  CHECK(memory.favourite("home") == Way::direct_split);
  CHECK(!memory.favourite("cafe"));
  CHECK(memory.of("a.example") == Way::direct_split);
  CHECK(!memory.of("b.example"));
  memory.failed("a.example");
  CHECK(!memory.of("a.example"));
  memory.worked("home", "b.example", Way::direct_fragmented);
  memory.leave_network();
  CHECK(!memory.of("b.example"));
  CHECK(memory.favourite("home") == Way::direct_fragmented);
}
