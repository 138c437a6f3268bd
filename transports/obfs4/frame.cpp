#include "transports/obfs4/frame.hpp"

#include <sodium.h>

#include <boost/endian/conversion.hpp>

namespace surang::obfs4 {
namespace {

constexpr std::size_t kLength = 2;
constexpr std::size_t kMinBox = FrameCipher::kTag, kMaxBox = kMaxFrame - kLength;
static_assert(kFrameOverhead == kLength + FrameCipher::kTag + FrameCipher::kHead);
static_assert(kMaxBox == FrameCipher::kTag + FrameCipher::kMaxPlain);

}  // namespace

FrameEncoder::FrameEncoder(DirectionSecret secret, std::uint64_t counter) noexcept
    : cipher_(secret.first<32>(), secret.subspan<32, 16>()), masks_(secret.last<24>()), counter_(counter) {}

Result<std::size_t> FrameEncoder::encode(PacketType type, std::span<const std::uint8_t> payload,
                                         std::size_t padding, std::span<std::uint8_t> out) {
  if (counter_ == 0) return make_error_code(Errc::limit);
  FrameCipher::Head head;
  head[0] = static_cast<std::uint8_t>(type);
  boost::endian::store_big_u16(head.data() + 1, static_cast<std::uint16_t>(payload.size()));
  cipher_.seal(counter_++, head, payload, padding, out.data() + kLength);
  const auto size = kFrameOverhead + payload.size() + padding;
  const auto masked = static_cast<std::uint16_t>(size - kLength) ^ masks_.next_mask();
  boost::endian::store_big_u16(out.data(), static_cast<std::uint16_t>(masked));
  return size;
}

FrameDecoder::FrameDecoder(DirectionSecret secret, std::uint64_t counter) noexcept
    : cipher_(secret.first<32>(), secret.subspan<32, 16>()), masks_(secret.last<24>()), counter_(counter) {}

FrameDecoder::Outcome FrameDecoder::next(std::span<std::uint8_t>& input, std::span<std::uint8_t> into,
                                         Packet& packet) {
  if (failed_) return Outcome::failed;
  if (box_ == 0) {
    if (input.size() < kLength) return Outcome::need_more;
    failed_ = counter_ == 0;
    if (failed_) return Outcome::failed;
    box_ = boost::endian::load_big_u16(input.data()) ^ masks_.next_mask();
    input = input.subspan(kLength);
    // When it is refused must not tell what the length was read as (Albrecht, Paterson, Watson 2009).
    bad_length_ = box_ < kMinBox || box_ > kMaxBox;
    if (bad_length_) box_ = kMinBox + randombytes_uniform(kMaxBox - kMinBox + 1);
  }
  if (input.size() < box_) return Outcome::need_more;
  failed_ = !take_box(input.first(box_), into, packet);
  if (failed_) return Outcome::failed;
  input = input.subspan(box_);
  box_ = 0;
  ++counter_;
  return Outcome::packet;
}

bool FrameDecoder::take_box(std::span<std::uint8_t> box, std::span<std::uint8_t> into, Packet& packet) const {
  if (box.size() < FrameCipher::kTag + FrameCipher::kHead) return false;
  FrameCipher::Keystream stream;
  FrameCipher::Head head;
  if (!cipher_.open(counter_, box, stream, head) || bad_length_) return false;
  const std::size_t size = boost::endian::load_big_u16(head.data() + 1);
  const auto body = box.subspan(FrameCipher::kTag + FrameCipher::kHead);
  if (size > body.size()) return false;
  const auto payload = size <= into.size() ? into.first(size) : body.first(size);
  FrameCipher::decrypt_body(box, stream, payload);
  packet = {static_cast<PacketType>(head[0]), payload};
  return true;
}

}  // namespace surang::obfs4
