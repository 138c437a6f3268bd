// obfs4's frames from a stranger and from a peer. First byte: bit 0 whether the rest is the wire itself, with
// bit 1 so masked that its lengths are what the decoder reads; else a script of packets, with bit 2 of one
// shaped write, that is encoded and then cut and changed. The upper bits: the decoder's pieces, and its
// reader's room.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

#include "transports/obfs4/burst.hpp"
#include "transports/obfs4/frame.hpp"

namespace {

using namespace surang::obfs4;
using Bytes = std::vector<std::uint8_t>;
using Outcome = FrameDecoder::Outcome;

constexpr std::array<std::uint8_t, 72> kSecret{1, 2, 3};

void require(bool holds) {
  if (!holds) std::abort();
}

struct Script {
  std::span<const std::uint8_t> left;
  std::uint8_t byte() {
    if (left.empty()) return 0;
    const auto b = left.front();
    left = left.subspan(1);
    return b;
  }
  std::size_t number() { return byte() | byte() << 8U; }
};

struct Sent {
  Bytes wire, data;
};

// Packets of the sizes, types and fillings that the script says.
Sent encode(Script& script) {
  FrameEncoder encoder(kSecret);
  Sent sent;
  for (unsigned n = script.byte() % 16; n > 0; --n) {
    const auto type = static_cast<PacketType>(script.byte() % 4);
    const Bytes payload(script.number() % (kMaxPayload + 1), script.byte());
    const auto padding = script.number() % (kMaxPayload - payload.size() + 1);
    Bytes frame(kMaxFrame);
    const auto size = encoder.encode(type, payload, padding, frame);
    require(size && *size == kFrameOverhead + payload.size() + padding);
    sent.wire.insert(sent.wire.end(), frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(*size));
    if (type == PacketType::data) sent.data.insert(sent.data.end(), payload.begin(), payload.end());
  }
  return sent;
}

// A write of the size that the script says, shaped.
Sent burst(Script& script) {
  FrameEncoder encoder(kSecret);
  Seed seed{};
  seed[0] = script.byte();
  static std::array<std::uint8_t, Burst::kMemory> memory;
  const WeightedDistribution lengths(seed, kMaxFrame);
  const auto iat = static_cast<IatMode>(script.byte() % 3);
  Sent sent{{}, Bytes(script.number() + 1, 'b')};
  Burst whole(encoder, lengths, iat, sent.data, memory);
  for (;;) {
    const auto piece = whole.next();
    require(piece.has_value());
    if (piece->empty()) return sent;
    require(iat == IatMode::off || piece->size() <= kMaxFrame);
    sent.wire.insert(sent.wire.end(), piece->begin(), piece->end());
  }
}

// What a decoder makes of `wire`; whether it failed.
bool decode(const Bytes& wire, std::size_t piece, std::size_t room, Bytes& heard) {
  FrameDecoder decoder(kSecret);
  Bytes kept, into(room);
  for (std::size_t at = 0; at < wire.size();) {
    const auto n = std::min(piece, wire.size() - at);
    kept.insert(kept.end(), wire.begin() + static_cast<std::ptrdiff_t>(at),
                wire.begin() + static_cast<std::ptrdiff_t>(at + n));
    at += n;
    std::span<std::uint8_t> input(kept);
    for (;;) {
      Packet packet;
      const auto outcome = decoder.next(input, into, packet);
      if (outcome == Outcome::failed) {
        require(decoder.next(input, into, packet) == Outcome::failed);
        return true;
      }
      if (outcome == Outcome::need_more) break;
      require(packet.payload.size() <= kMaxPayload);
      if (packet.type == PacketType::data)
        heard.insert(heard.end(), packet.payload.begin(), packet.payload.end());
    }
    require(input.size() < kMaxFrame);
    kept = Bytes(input.begin(), input.end());
  }
  return false;
}

// Lengths that stand in the input become the ones that the decoder reads.
void mask(Bytes& wire) {
  Drbg masks{std::span(kSecret).last<24>()};
  for (std::size_t at = 0; at + 2 <= wire.size();) {
    const std::size_t length = wire[at] << 8U | wire[at + 1];
    const auto m = masks.next_mask();
    wire[at] ^= static_cast<std::uint8_t>(m >> 8U);
    wire[at + 1] ^= static_cast<std::uint8_t>(m);
    at += 2 + length;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Script script{{data, size}};
  const unsigned how = script.byte();
  const std::size_t piece = how & 0x30 ? std::size_t{1} << ((how >> 4 & 3) * 3) : SIZE_MAX;
  const std::size_t room = how & 0xc0 ? std::size_t{1} << ((how >> 6) * 5) : 0;
  Bytes heard;
  if (how & 1) {
    Bytes wire(script.left.begin(), script.left.end());
    if (how & 2) mask(wire);
    decode(wire, piece, room, heard);
    require(heard.empty());  // nobody guesses a tag
    return 0;
  }
  auto sent = how & 4 ? burst(script) : encode(script);
  require(!decode(sent.wire, piece, room, heard));
  require(heard == sent.data);
  // The same cut, and changed somewhere: a beginning of what was said, never more.
  if (sent.wire.empty()) return 0;
  const auto at = (script.number() | script.byte() << 16U) % sent.wire.size();
  const auto flip = script.byte();
  sent.wire.resize(sent.wire.size() - script.number() % (sent.wire.size() - at));
  sent.wire[at] ^= flip;
  heard.clear();
  decode(sent.wire, piece, room, heard);
  require(heard.size() <= sent.data.size() && std::equal(heard.begin(), heard.end(), sent.data.begin()));
  return 0;
}
