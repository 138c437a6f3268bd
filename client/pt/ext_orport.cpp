#include "client/pt/ext_orport.hpp"

#include <sodium/utils.h>

#include <algorithm>

#include "transports/core/user.hpp"

namespace surang::client::pt {
namespace {

constexpr std::string_view kCookieHead = "! Extended ORPort Auth Cookie !\n";
constexpr std::uint8_t kSafeCookie = 1;
constexpr std::size_t kMostTypes = 255;
// Of commands that we need not understand.
constexpr unsigned kMostReplies = 64;
constexpr unsigned kDone = 0, kUserAddress = 1, kTransportName = 2, kOkay = 0x1000, kDeny = 0x1001;

std::string command(unsigned code, std::string_view body) {
  const auto size = body.size();
  std::string out{static_cast<char>(code >> 8), static_cast<char>(code), static_cast<char>(size >> 8),
                  static_cast<char>(size)};
  return out += body;
}

template <class Bytes>
std::string text_of(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string mac(const OrCookie& cookie, const std::string& what, const std::string& nonces) {
  const auto text = "ExtORPort authentication " + what + " hash" + nonces;
  return text_of(hmac_sha256(cookie, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
}

}  // namespace

Result<OrCookie> parse_or_cookie(std::string_view file) {
  OrCookie out;
  if (file.size() != kCookieHead.size() + out.size() || !file.starts_with(kCookieHead))
    return make_error_code(Errc::bad_input);
  std::copy(file.begin() + kCookieHead.size(), file.end(), out.begin());
  return out;
}

ExtOrPort::ExtOrPort(const OrCookie& cookie, const std::array<std::uint8_t, 32>& nonce,
                     std::string_view client, std::string_view transport)
    : cookie_(cookie),
      nonce_(nonce),
      said_(command(kUserAddress, client) + command(kTransportName, transport) + command(kDone, {})) {}

std::size_t ExtOrPort::feed(std::span<const std::uint8_t> input) {
  std::size_t used = 0;
  while (state_ == State::talking && used < input.size()) {
    if (skip_ > 0) {
      const auto n = std::min(skip_, input.size() - used);
      skip_ -= n;
      used += n;
      continue;
    }
    const auto n = std::min(wanted_ - bytes_.size(), input.size() - used);
    bytes_.append(reinterpret_cast<const char*>(input.data()) + used, n);
    used += n;
    if (bytes_.size() == wanted_) take_field();
  }
  return used;
}

void ExtOrPort::expect(Awaiting what, std::size_t size) {
  awaiting_ = what;
  wanted_ = size;
  bytes_.clear();
}

void ExtOrPort::refuse(error_code why) {
  state_ = State::refused;
  error_ = why;
}

void ExtOrPort::take_field() {
  switch (awaiting_) {
    case Awaiting::auth_type:
      return take_auth_type(static_cast<std::uint8_t>(bytes_[0]));
    case Awaiting::hashes: {
      const auto nonces = text_of(nonce_) + bytes_.substr(32);
      const auto right = mac(cookie_, "server-to-client", nonces);
      if (sodium_memcmp(right.data(), bytes_.data(), right.size()) != 0) return refuse(Errc::proof_refused);
      output_ += mac(cookie_, "client-to-server", nonces);
      return expect(Awaiting::status, 1);
    }
    case Awaiting::status:
      if (bytes_[0] != 1) return refuse(Errc::proof_refused);
      output_ += said_;
      return expect(Awaiting::reply, 4);
    case Awaiting::reply:
      return take_reply();
    case Awaiting::body:
      state_ = State::open;
      return;
  }
}

void ExtOrPort::take_auth_type(std::uint8_t type) {
  if (type == 0) {
    if (!safe_cookie_) return refuse(Errc::protocol);
    output_ += static_cast<char>(kSafeCookie) + text_of(nonce_);
    return expect(Awaiting::hashes, 64);
  }
  if (++seen_types_ > kMostTypes) return refuse(Errc::protocol);
  safe_cookie_ = safe_cookie_ || type == kSafeCookie;
  expect(Awaiting::auth_type, 1);
}

void ExtOrPort::take_reply() {
  const auto number = [this](std::size_t i) {
    return static_cast<unsigned>(static_cast<std::uint8_t>(bytes_[i])) << 8 |
           static_cast<std::uint8_t>(bytes_[i + 1]);
  };
  const auto code = number(0);
  const std::size_t size = number(2);
  if (code == kDeny) return refuse(Errc::destination_denied);
  if (code == kOkay) {
    if (size > 0) return expect(Awaiting::body, size);
    state_ = State::open;
    return;
  }
  if (++replies_ > kMostReplies) return refuse(Errc::protocol);
  skip_ = size;
  expect(Awaiting::reply, 4);
}

}  // namespace surang::client::pt
