#include "transports/obfs4/burst.hpp"

#include <doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>

#include "tests/unit/transports/obfs4/frames_rig.hpp"

using namespace surang;
using namespace surang::obfs4;
using namespace surang::obfs4::rig;

namespace {

// One encoder's bursts, each decoded again.
struct Sender {
  std::vector<std::size_t> say(std::span<const std::uint8_t> payload, IatMode iat,
                               const WeightedDistribution& lengths) {
    const auto memory = std::make_unique<std::array<std::uint8_t, Burst::kMemory>>();
    Burst burst(encoder, lengths, iat, payload, *memory);
    std::vector<std::size_t> pieces;
    Bytes wire;
    for (;;) {
      const auto piece = burst.next();
      REQUIRE(!piece.has_error());
      if (piece->empty()) break;
      pieces.push_back(piece->size());
      wire.insert(wire.end(), piece->begin(), piece->end());
    }
    Bytes heard, into(kMaxPayload);
    std::span<std::uint8_t> input(wire);
    Packet packet;
    while (decoder.next(input, into, packet) == FrameDecoder::Outcome::packet)
      heard.insert(heard.end(), packet.payload.begin(), packet.payload.end());
    CHECK(input.empty());
    CHECK(!decoder.inside_frame());
    CHECK(std::equal(heard.begin(), heard.end(), payload.begin(), payload.end()));
    return pieces;
  }

  std::array<std::uint8_t, 72> secret = counting<72>();
  FrameEncoder encoder{secret};
  FrameDecoder decoder{secret};
};

// Of frames that carry `payload` bytes, without padding.
std::size_t framed(std::size_t payload) {
  return payload + (payload + kMaxPayload - 1) / kMaxPayload * kFrameOverhead;
}

}  // namespace

TEST_CASE("a burst leaves in one piece whose last segment has the length drawn") {
  Sender sender;
  const auto& lengths = one_length()->length;
  const std::size_t target = lengths.sample();
  REQUIRE(target > 2 * kFrameOverhead);
  for (const std::size_t size : {std::size_t{1}, std::size_t{400}, kMaxPayload, std::size_t{20000}}) {
    const auto pieces = sender.say(random_bytes(size), IatMode::off, lengths);
    REQUIRE(pieces.size() == 1);
    CHECK(pieces[0] % kMaxFrame == target % kMaxFrame);
    CHECK(pieces[0] - framed(size) <= kMaxFrame);
  }
}

TEST_CASE(
    "where less is missing than a frame takes, a segment follows and the missing bytes over a frame's") {
  Sender sender;
  const auto& lengths = one_length()->length;
  const std::size_t target = lengths.sample();
  REQUIRE(target > 2 * kFrameOverhead + 1);
  for (std::size_t missing = 0; missing <= kFrameOverhead + 1; ++missing) {
    const auto tail = target - missing;
    const auto pieces = sender.say(random_bytes(tail - kFrameOverhead), IatMode::off, lengths);
    REQUIRE(pieces.size() == 1);
    const bool fits = missing == 0 || missing > kFrameOverhead;
    CHECK(pieces[0] == (fits ? target : tail + kMaxFrame + kFrameOverhead + missing));
  }
}

TEST_CASE("64 KiB are one piece, more than a burst's memory are several with the padding at the end") {
  Sender sender;
  const auto& lengths = one_length()->length;
  CHECK(sender.say(random_bytes(64 * 1024 + 1024), IatMode::off, lengths).size() == 1);
  const auto pieces = sender.say(random_bytes(300000), IatMode::off, lengths);
  REQUIRE(pieces.size() > 3);
  for (std::size_t i = 0; i + 1 < pieces.size(); ++i) CHECK(pieces[i] % kMaxFrame == 0);
  CHECK(pieces.back() % kMaxFrame == lengths.sample() % kMaxFrame);
}

TEST_CASE("with pauses a burst leaves in segments") {
  Sender sender;
  const auto& lengths = one_length()->length;
  for (const std::size_t size : {std::size_t{10}, std::size_t{5000}, std::size_t{200000}}) {
    const auto pieces = sender.say(random_bytes(size), IatMode::enabled, lengths);
    for (std::size_t i = 0; i + 1 < pieces.size(); ++i) CHECK(pieces[i] == kMaxFrame);
    CHECK(pieces.back() == (lengths.sample() + kMaxFrame - 1) % kMaxFrame + 1);
  }
}

TEST_CASE("a paranoid burst's pieces have the lengths of the distribution, as often as it says") {
  Sender sender;
  Seed seed{};
  seed[0] = 1;
  const Shaping shaping(seed);
  const auto& table = shaping.length.table();
  std::map<std::size_t, double> share;
  for (const auto& c : table) {
    share[c.value] += c.own / static_cast<double>(table.size());
    share[table[c.alias].value] += (1 - c.own) / static_cast<double>(table.size());
  }
  REQUIRE(share.size() > 5);
  REQUIRE(!share.contains(0));
  std::map<std::size_t, int> drawn;
  int count = 0;
  for (const std::size_t size : {1, 30, 1000, 70000, 3000000})
    for (const auto piece : sender.say(random_bytes(size), IatMode::paranoid, shaping.length)) {
      ++drawn[piece];
      ++count;
    }
  REQUIRE(count > 2000);
  for (const auto& [value, times] : drawn) {
    REQUIRE(share.contains(value));
    const double expected = share[value] * count;
    CHECK(std::abs(times - expected) < 6 * std::sqrt(expected) + 8);  // ends of bursts lean a little
  }
}

TEST_CASE("a distribution with nothing in it stops no paranoid burst") {
  const auto zero = find_shaping([](const Shaping& s) {
    const auto& table = s.length.table();
    return table.size() > 1 && std::any_of(table.begin(), table.end(), [](auto& c) { return c.value == 0; });
  });
  Sender sender;
  for (const auto piece : sender.say(random_bytes(20000), IatMode::paranoid, zero->length)) CHECK(piece > 0);
}

TEST_CASE("an encoder at its end ends a burst") {
  const auto secret = counting<72>();
  FrameEncoder encoder(secret, UINT64_MAX);
  const auto memory = std::make_unique<std::array<std::uint8_t, Burst::kMemory>>();
  const auto payload = random_bytes(4000);
  Burst burst(encoder, one_length()->length, IatMode::off, payload, *memory);
  CHECK(burst.next().error() == Errc::limit);
}
