#include "client/capture/fake_addresses.hpp"

#include <algorithm>

namespace surang::client::capture {
namespace {

namespace ip = boost::asio::ip;

constexpr std::uint32_t kBase4 = 0xc6120000;  // 198.18.0.0
constexpr std::uint32_t kNumbers = 1U << 17;  // of a /15
constexpr ip::address_v6::bytes_type kBase6{0x20, 0x01, 0, 2};

// The network's own address and the broadcast one are given to nobody.
bool usable(std::uint32_t number) {
  return number != 0 && number != kNumbers - 1;
}

ip::address address4(std::uint32_t number) {
  return ip::address_v4(kBase4 + number);
}

ip::address address6(std::uint32_t number) {
  auto bytes = kBase6;
  for (std::size_t i = 0; i < 4; ++i) bytes[12 + i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
  return ip::address_v6(bytes);
}

std::optional<std::uint32_t> number_of(const ip::address& address) {
  if (address.is_v4()) {
    const auto number = address.to_v4().to_uint() - kBase4;
    return number < kNumbers ? std::optional(number) : std::nullopt;
  }
  const auto bytes = address.to_v6().to_bytes();
  if (!std::equal(bytes.begin(), bytes.begin() + 12, kBase6.begin())) return std::nullopt;
  std::uint32_t number = 0;
  for (std::size_t i = 12; i < 16; ++i) number = number << 8 | bytes[i];
  return number < kNumbers ? std::optional(number) : std::nullopt;
}

}  // namespace

FakeAddresses::FakeAddresses(std::uint32_t first, std::size_t most)
    : next_(first % kNumbers), most_(std::min<std::size_t>(most, kNumbers / 2)) {}

FakeAddresses::Pair FakeAddresses::of(const std::string& name) {
  auto found = names_.find(name);
  if (found != names_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
  } else {
    if (entries_.size() >= most_) {
      names_.erase(entries_.back().name);
      numbers_.erase(entries_.back().number);
      entries_.pop_back();
    }
    while (!usable(next_) || numbers_.contains(next_)) next_ = (next_ + 1) % kNumbers;
    entries_.push_front({name, next_});
    numbers_.emplace(next_, entries_.begin());
    found = names_.emplace(name, entries_.begin()).first;
    next_ = (next_ + 1) % kNumbers;
  }
  const auto number = found->second->number;
  return {address4(number), address6(number)};
}

std::optional<std::string> FakeAddresses::name_at(const ip::address& address) {
  const auto number = number_of(address);
  const auto found = number ? numbers_.find(*number) : numbers_.end();
  if (found == numbers_.end()) return std::nullopt;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->name;
}

bool FakeAddresses::in_range(const ip::address& address) {
  if (address.is_v4()) return number_of(address).has_value();
  const auto bytes = address.to_v6().to_bytes();
  return std::equal(bytes.begin(), bytes.begin() + 6, kBase6.begin());
}

}  // namespace surang::client::capture
