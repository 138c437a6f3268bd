// Frames against obfs4proxy's and against libsodium's secretbox, and what a decoder does with others.
#include "transports/obfs4/frame.hpp"

#include <doctest.h>

#include <algorithm>
#include <set>
#include <string>

#include "tests/unit/transports/obfs4/frames_rig.hpp"

using namespace surang;
using namespace surang::obfs4;
using namespace surang::obfs4::rig;
using Outcome = FrameDecoder::Outcome;

namespace {

constexpr auto kSecret = [] {
  std::array<std::uint8_t, 72> out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(i);
  return out;
}();

Bytes encode(FrameEncoder& encoder, PacketType type, std::span<const std::uint8_t> payload,
             std::size_t padding) {
  Bytes out(kMaxFrame);
  const auto size = encoder.encode(type, payload, padding, out);
  REQUIRE(!size.has_error());
  out.resize(*size);
  return out;
}

std::span<const std::uint8_t> bytes_of(std::string_view s) {
  return {reinterpret_cast<const std::uint8_t*>(s.data()), s.size()};
}

// The whole input to a new decoder: what it made of it, last.
Outcome outcome_of(Bytes input) {
  FrameDecoder decoder(kSecret);
  std::array<std::uint8_t, kMaxPayload> into;
  std::span<std::uint8_t> left(input);
  Packet packet;
  return decoder.next(left, into, packet);
}

// A frame of any plaintext, as only a peer with the key could make.
Bytes seal(std::span<const std::uint8_t> plain) {
  std::array<std::uint8_t, 24> nonce{};
  std::copy_n(kSecret.begin() + 32, 16, nonce.begin());
  nonce[23] = 1;
  Bytes out(2 + crypto_secretbox_MACBYTES + plain.size());
  crypto_secretbox_easy(out.data() + 2, plain.data(), plain.size(), nonce.data(), kSecret.data());
  const auto masked = (out.size() - 2) ^ 0x035e;
  out[0] = static_cast<std::uint8_t>(masked >> 8);
  out[1] = static_cast<std::uint8_t>(masked);
  return out;
}

}  // namespace

TEST_CASE("frames are obfs4proxy's, byte for byte") {
  FrameEncoder encoder(kSecret);
  CHECK(hex(encode(encoder, PacketType::data, bytes_of("hello"), 0)) ==
        "03466b15c7b360f46eac7fbfe7544956e620f281dd229498a72a");
  CHECK(hex(encode(encoder, PacketType::data, bytes_of("abc"), 5)) ==
        "266dfaf0bc317a682841dcaa02f8a8c1cd4453b420f825b3521d34050b");
  CHECK(hex(encode(encoder, PacketType::seed, {}, 0)) == "4ace123a770fc3c669fa67b841369b8665aa41922b");
  Bytes full(kMaxPayload);
  for (std::size_t i = 0; i < full.size(); ++i) full[i] = static_cast<std::uint8_t>((i + 3) * 7);
  const auto frame = encode(encoder, PacketType::data, full, 0);
  CHECK(frame.size() == kMaxFrame);
  CHECK(hex(std::span(frame).first(24)) == "68ba791da95564131494b25b77216778177ac75339b56da7");
  CHECK(hex(std::span(frame).last(24)) == "fe9cd643b75dc9515604fe5816545e4402f1e59ec8819a6c");
}

TEST_CASE("a cipher's boxes are crypto_secretbox's at every size") {
  const auto key = random_bytes(32), prefix = random_bytes(16), body = random_bytes(kMaxPayload);
  const FrameCipher cipher{std::span(key).first<32>(), std::span(prefix).first<16>()};
  for (std::size_t size = 0; size <= kMaxPayload; ++size) {
    const std::size_t padding = std::min<std::size_t>(size % 97, kMaxPayload - size);
    const std::uint64_t counter = 0x0102030405060708 + size;
    const FrameCipher::Head head{7, 8, 9};
    Bytes box(FrameCipher::kTag + FrameCipher::kHead + size + padding);
    cipher.seal(counter, head, std::span(body).first(size), padding, box.data());

    Bytes plain(head.begin(), head.end());
    plain.insert(plain.end(), body.begin(), body.begin() + static_cast<std::ptrdiff_t>(size));
    plain.resize(plain.size() + padding);
    Bytes nonce(prefix);
    for (int shift = 56; shift >= 0; shift -= 8) nonce.push_back(static_cast<std::uint8_t>(counter >> shift));
    Bytes expected(plain.size() + crypto_secretbox_MACBYTES);
    crypto_secretbox_easy(expected.data(), plain.data(), plain.size(), nonce.data(), key.data());
    REQUIRE(box == expected);

    FrameCipher::Keystream stream;
    FrameCipher::Head opened{};
    REQUIRE(cipher.open(counter, box, stream, opened));
    CHECK(opened == head);
    Bytes back(size);
    FrameCipher::decrypt_body(box, stream, back);
    CHECK(std::equal(back.begin(), back.end(), body.begin()));
    CHECK(!cipher.open(counter + 1, box, stream, opened));
  }
}

TEST_CASE("a decoder gives packets back from pieces of any size, to the reader or in place") {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{1000}, SIZE_MAX})
    for (const std::size_t room : {std::size_t{0}, std::size_t{300}, kMaxPayload}) {
      FrameEncoder encoder(kSecret);
      FrameDecoder decoder(kSecret);
      Bytes wire, sent, received;
      for (const std::size_t size : {0, 1, 300, 301, 1427, 24, 700}) {
        const auto payload = random_bytes(size);
        const auto frame = encode(encoder, PacketType::data, payload, (kMaxPayload - size) / 2);
        wire.insert(wire.end(), frame.begin(), frame.end());
        sent.insert(sent.end(), payload.begin(), payload.end());
      }
      Bytes kept, into(room);
      for (std::size_t at = 0; at < wire.size();) {
        const auto n = std::min(piece, wire.size() - at);
        kept.insert(kept.end(), wire.begin() + static_cast<std::ptrdiff_t>(at),
                    wire.begin() + static_cast<std::ptrdiff_t>(at + n));
        at += n;
        std::span<std::uint8_t> input(kept);
        Packet packet;
        while (decoder.next(input, into, packet) == Outcome::packet) {
          const bool fits = packet.payload.size() <= room;
          CHECK((packet.payload.data() == into.data()) == fits);
          received.insert(received.end(), packet.payload.begin(), packet.payload.end());
        }
        kept = Bytes(input.begin(), input.end());
      }
      CHECK(kept.empty());
      CHECK(!decoder.inside_frame());
      CHECK(received == sent);
    }
}

TEST_CASE("no bit of a frame can be turned") {
  FrameEncoder encoder(kSecret);
  const auto frame = encode(encoder, PacketType::data, bytes_of("some payload"), 9);
  CHECK(outcome_of(frame) == Outcome::packet);
  for (std::size_t bit = 0; bit < frame.size() * 8; ++bit) {
    auto bad = frame;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    bad.resize(kMaxFrame);  // enough for whatever the length has become
    CAPTURE(bit);
    CHECK(outcome_of(std::move(bad)) == Outcome::failed);
  }
}

TEST_CASE("a failed decoder stays so, and frames have an order") {
  FrameEncoder encoder(kSecret);
  const auto first = encode(encoder, PacketType::data, bytes_of("1"), 0);
  const auto second = encode(encoder, PacketType::data, bytes_of("2"), 0);
  FrameDecoder decoder(kSecret);
  Packet packet;
  auto wrong = second;
  wrong.resize(kMaxFrame);
  std::span<std::uint8_t> input(wrong);
  CHECK(decoder.next(input, {}, packet) == Outcome::failed);
  auto right = first;
  input = right;
  CHECK(decoder.next(input, {}, packet) == Outcome::failed);
}

TEST_CASE("a bad length is refused where a good one would have been, after any number of bytes") {
  FrameEncoder encoder(kSecret);
  const auto frame = encode(encoder, PacketType::data, bytes_of("x"), 0);
  std::set<std::size_t> sizes;
  for (const unsigned length : {0U, 15U, 1447U, 65535U})
    for (int i = 0; i < 1000; ++i) {
      FrameDecoder decoder(kSecret);
      Bytes wire(frame);
      wire[0] = static_cast<std::uint8_t>(0x03 ^ (length >> 8));
      wire[1] = static_cast<std::uint8_t>(0x5e ^ (length & 255));
      wire.resize(2 + 1446);
      Packet packet;
      std::size_t given = 2;
      for (;; ++given) {
        auto input = std::span(wire).first(given).subspan(given == 2 ? 0 : 2);
        if (decoder.next(input, {}, packet) != Outcome::need_more) break;
        REQUIRE(given < wire.size());
      }
      auto input = std::span(wire);
      CHECK(decoder.next(input, {}, packet) == Outcome::failed);
      CHECK(given - 2 >= 16);
      sizes.insert(given - 2);
    }
  // Of 4000 draws over 1431 sizes.
  CHECK(sizes.size() > 1200);
  CHECK(*sizes.begin() < 40);
  CHECK(*sizes.rbegin() > 1420);
}

TEST_CASE("a good tag over a bad length does not help") {
  // The box is whole and right; with enough tries the drawn length is its own, and the tag holds.
  FrameEncoder encoder(kSecret);
  auto frame = encode(encoder, PacketType::data, bytes_of("x"), 0);
  frame[0] ^= 0x80;
  for (int i = 0; i < 20000; ++i) CHECK(outcome_of(frame) != Outcome::packet);
}

TEST_CASE("packets that do not fit their box are refused") {
  const auto plain = [](std::string_view h) { return outcome_of(seal(unhex(h))); };
  CHECK(plain("000000") == Outcome::packet);
  CHECK(plain("0000026869") == Outcome::packet);
  CHECK(plain("ff00026869") == Outcome::packet);  // of a type that is ignored
  CHECK(plain("0000036869") == Outcome::failed);
  CHECK(plain("00ffff6869") == Outcome::failed);
  CHECK(plain("0000") == Outcome::failed);
  CHECK(plain("") == Outcome::failed);
}

TEST_CASE("the counter has an end") {
  FrameEncoder encoder(kSecret, UINT64_MAX);
  FrameDecoder decoder(kSecret, UINT64_MAX);
  auto last = encode(encoder, PacketType::data, bytes_of("last"), 0);
  Bytes out(kMaxFrame);
  CHECK(encoder.encode(PacketType::data, {}, 0, out).error() == Errc::limit);
  CHECK(encoder.encode(PacketType::data, {}, 0, out).error() == Errc::limit);
  last.resize(last.size() + kMaxFrame);
  std::span<std::uint8_t> input(last);
  Packet packet;
  CHECK(decoder.next(input, {}, packet) == Outcome::packet);
  CHECK(decoder.next(input, {}, packet) == Outcome::failed);
}
