#include "transports/quic/scramble.hpp"

#include <sodium.h>

#include <algorithm>
#include <cstring>

#include "transports/core/user.hpp"

namespace surang::quic {
namespace {

constexpr std::size_t kNonce = crypto_stream_chacha20_ietf_NONCEBYTES;
constexpr std::size_t kBlock = 64;  // of ChaCha20
constexpr std::size_t kLeast = 30;  // kHead, a short header with a connection id, the tag
constexpr std::size_t kSmallPad = 96;

static_assert(sizeof(ScrambleKey) == crypto_stream_chacha20_ietf_KEYBYTES);

bool long_header(std::uint8_t first) {
  return (first & 0x80) != 0;
}

}  // namespace

ScrambleKey scramble_key(std::span<const std::uint8_t, 32> bridge_public_key) {
  ScrambleKey key;
  derive_key(bridge_public_key, "quic scramble", key);
  return key;
}

Scrambler::Scrambler(const ScrambleKey& key) : key_(key) {
  randombytes_buf(pads_.data(), pads_.size());
}

void Scrambler::mask(std::uint8_t* at, std::size_t size, std::size_t from_block,
                     const std::uint8_t* nonce) const {
  crypto_stream_chacha20_ietf_xor_ic(at, at, size, nonce, static_cast<std::uint32_t>(from_block),
                                     key_.data());
}

// The nonce is the datagram's end, which is the packet's tag, or pad: as good as random, and of no cost.
// Packets with a short header are sealed but for their first bytes; of the others all is hidden, since QUIC
// seals the first with keys that everybody can derive, and several may stand in a row.
std::size_t Scrambler::scramble(std::uint8_t* at, std::size_t size, std::size_t room) {
  const bool whole = long_header(at[kHead]);
  std::size_t most = 0;
  if (whole)
    most = kMostFlight - std::min(kMostFlight, kHead + size);
  else if (size < kPadBelow)
    most = kSmallPad;
  most = std::min({most, kMostPad, room - kHead - size});
  std::size_t pad = 0;
  if (most > 0) {
    std::array<std::uint8_t, kNonce> nonce{};
    std::memcpy(nonce.data(), &++drawn_, sizeof(drawn_));
    std::array<std::uint8_t, kMostPad + 2> drawn;
    crypto_stream_chacha20_ietf(drawn.data(), most + 2, nonce.data(), pads_.data());
    pad = static_cast<std::size_t>(drawn[0] | drawn[1] << 8) % (most + 1);
    std::memcpy(at + kHead + size, drawn.data() + 2, pad);
  }
  at[0] = static_cast<std::uint8_t>(pad);
  const auto length = kHead + size + pad;
  const auto* nonce = at + length - kNonce;
  mask(at, whole ? length - kNonce : std::min(length - kNonce, kBlock), 0, nonce);
  return length;
}

std::optional<std::span<std::uint8_t>> Scrambler::unscramble(std::span<std::uint8_t> datagram) const {
  if (datagram.size() < kLeast) return std::nullopt;
  auto* at = datagram.data();
  const auto* nonce = at + datagram.size() - kNonce;
  const auto masked = datagram.size() - kNonce;
  const auto first = std::min(masked, kBlock);
  mask(at, first, 0, nonce);
  if (long_header(at[kHead]) && masked > first) mask(at + first, masked - first, 1, nonce);
  const std::size_t pad = at[0];
  if (kHead + pad >= datagram.size()) return std::nullopt;
  return datagram.subspan(kHead, datagram.size() - kHead - pad);
}

}  // namespace surang::quic
