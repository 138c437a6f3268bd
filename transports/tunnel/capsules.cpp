#include "transports/tunnel/capsules.hpp"

#include <algorithm>

#include "transports/core/socks_address.hpp"
#include "transports/core/varint.hpp"

namespace surang::tunnel {

void append_datagram(std::vector<std::uint8_t>& to, const Endpoint& peer,
                     std::span<const std::uint8_t> payload) {
  static_assert(kAddressedContext < 64);  // one byte
  append_varint(to, kDatagramCapsule);
  append_varint(to, 1 + socks_address::size_of(peer) + payload.size());
  append_varint(to, kAddressedContext);
  socks_address::append(to, peer);
  to.insert(to.end(), payload.begin(), payload.end());
}

std::optional<AddressedDatagram> parse_datagram(std::span<const std::uint8_t> value) {
  if (take_varint(value) != kAddressedContext) return std::nullopt;
  auto address = socks_address::parse(value);
  if (!address || address->endpoint.port() == 0) return std::nullopt;
  const auto payload = value.subspan(address->size);
  if (payload.size() > kMostPayload) return std::nullopt;
  return AddressedDatagram{std::move(address->endpoint), payload};
}

std::optional<std::uint64_t> CapsuleReader::take_number(std::span<const std::uint8_t>& input) {
  while (!input.empty()) {
    bytes_.push_back(input[0]);
    input = input.subspan(1);
    if (bytes_.size() < varint_size(bytes_[0])) continue;
    std::span<const std::uint8_t> whole(bytes_);
    const auto value = take_varint(whole);
    bytes_.clear();
    return value;
  }
  return std::nullopt;
}

std::optional<std::span<const std::uint8_t>> CapsuleReader::next(std::span<const std::uint8_t>& input) {
  if (field_ == Field::given) {
    bytes_ = {};
    field_ = Field::type;
  }
  for (;;) {
    if (field_ == Field::type || field_ == Field::length) {
      const auto number = take_number(input);
      if (!number) return std::nullopt;
      if (field_ == Field::type) {
        type_ = *number;
        field_ = Field::length;
        continue;
      }
      left_ = *number;
      field_ = type_ == kDatagramCapsule && left_ <= kMostCapsule ? Field::value : Field::skipped;
    }
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()));
    const auto piece = input.first(n);
    input = input.subspan(n);
    left_ -= n;
    if (field_ == Field::skipped) {
      if (left_ > 0) return std::nullopt;
      field_ = Field::type;
      continue;
    }
    if (left_ == 0 && bytes_.empty()) {  // mostly: it came in one piece
      field_ = Field::type;
      return piece;
    }
    bytes_.insert(bytes_.end(), piece.begin(), piece.end());
    if (left_ > 0) return std::nullopt;
    field_ = Field::given;
    return bytes_;
  }
}

}  // namespace surang::tunnel
