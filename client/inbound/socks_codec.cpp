#include "client/inbound/socks_codec.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cstring>
#include <vector>

namespace surang::client {
namespace {

using namespace socks5;

constexpr std::size_t kMaxText = 255;  // SOCKS4 user id and name, which end with a NUL

std::uint8_t at(const std::string& s, std::size_t i) {
  return static_cast<std::uint8_t>(s[i]);
}

std::uint16_t port_at(const std::string& s, std::size_t i) {
  return static_cast<std::uint16_t>(at(s, i) << 8 | at(s, i + 1));
}

template <class Address>
std::string address_text(const char* bytes) {
  typename Address::bytes_type raw;
  std::memcpy(raw.data(), bytes, raw.size());
  return Address(raw).to_string();
}

std::uint8_t socks5_code(SocksAnswer answer) {
  switch (answer) {
    case SocksAnswer::granted:
      return 0;
    case SocksAnswer::failed:
      return 1;
    case SocksAnswer::not_allowed:
      return 2;
    case SocksAnswer::network_unreachable:
      return 3;
    case SocksAnswer::host_unreachable:
      return 4;
    case SocksAnswer::refused:
      return 5;
    case SocksAnswer::timed_out:
      return 6;
    case SocksAnswer::not_supported:
      return 7;
    case SocksAnswer::bad_address_type:
      return 8;
  }
  return 1;
}

}  // namespace

bool same_secret(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned>(a[i] ^ (b.empty() ? 0x55 : b[i % b.size()]));
  return difference == 0;
}

SocksCodec::SocksCodec(Credentials credentials) : credentials_(std::move(credentials)) {}

SocksCodec SocksCodec::for_any_password() {
  SocksCodec out(std::nullopt);
  out.any_password_ = true;
  return out;
}

std::size_t SocksCodec::feed(std::span<const std::uint8_t> input) {
  std::size_t used = 0;
  while (state_ == State::reading && used < input.size()) {
    if (field_ == Field::v4_user || field_ == Field::v4_name) {
      take_byte_until_nul(input[used++]);
      continue;
    }
    const auto n = std::min(wanted_ - bytes_.size(), input.size() - used);
    bytes_.append(reinterpret_cast<const char*>(input.data()) + used, n);
    used += n;
    if (bytes_.size() == wanted_) take_field();
  }
  return used;
}

void SocksCodec::expect(Field field, std::size_t size) {
  field_ = field;
  wanted_ = size;
  bytes_.clear();
}

void SocksCodec::take_byte_until_nul(std::uint8_t byte) {
  if (byte != 0) {
    if (bytes_.size() >= kMaxText) return refuse(SocksAnswer::failed, "a text without end");
    bytes_.push_back(static_cast<char>(byte));
    return;
  }
  if (field_ == Field::v4_name) return finish(std::string(bytes_), v4_port_);
  if (credentials_ || any_password_)
    return refuse(SocksAnswer::not_allowed, "SOCKS4 cannot give the password");
  // 4a: 0.0.0.x, x not 0, says that a name follows.
  const auto ip = std::string_view(v4_address_);
  if (ip.substr(0, 3) == std::string_view("\0\0\0", 3) && ip[3] != 0) return expect(Field::v4_name, 0);
  finish(address_text<boost::asio::ip::address_v4>(v4_address_.data()), v4_port_);
}

void SocksCodec::take_field() {
  const std::string field = bytes_;
  switch (field_) {
    case Field::version:
      version_ = at(field, 0);
      if (version_ == 4) return expect(Field::v4_head, 7);
      if (version_ == 5) return expect(Field::v5_methods_size, 1);
      return refuse(SocksAnswer::failed, "not SOCKS");
    case Field::v4_head:
      v4_command_ = at(field, 0);
      v4_port_ = port_at(field, 1);
      v4_address_ = field.substr(3);
      return expect(Field::v4_user, 0);
    case Field::v5_methods_size:
      if (at(field, 0) == 0) return choose_method();
      return expect(Field::v5_methods, at(field, 0));
    case Field::v5_methods:
      return choose_method();
    case Field::v5_auth_head:
      if (at(field, 0) != 1) return refuse(SocksAnswer::failed, "unknown version of the password request");
      if (at(field, 1) == 0) return expect(Field::v5_password_size, 1);
      return expect(Field::v5_user, at(field, 1));
    case Field::v5_user:
      user_ = field;
      return expect(Field::v5_password_size, 1);
    case Field::v5_password_size:
      // An empty password is a field of no bytes, complete at once.
      expect(Field::v5_password, at(field, 0));
      if (wanted_ == 0) take_field();
      return;
    case Field::v5_password: {
      const bool user_ok = !credentials_ || same_secret(user_, credentials_->first);
      const bool password_ok = !credentials_ || same_secret(field, credentials_->second);
      const bool ok = user_ok && password_ok;
      output_ += std::string("\x01", 1) + (ok ? '\0' : '\x01');
      if (!ok) {
        state_ = State::refused;
        why_ = "wrong user name or password";
        return;
      }
      if (any_password_) password_ = field;
      return expect(Field::v5_head, 4);
    }
    case Field::v5_head:
      if (at(field, 0) != 5) return refuse(SocksAnswer::failed, "not a SOCKS5 request");
      v5_command_ = at(field, 1);
      address_type_ = at(field, 3);
      if (address_type_ == kIpv4) return expect(Field::v5_address, 4 + 2);
      if (address_type_ == kIpv6) return expect(Field::v5_address, 16 + 2);
      if (address_type_ == kName) return expect(Field::v5_name_size, 1);
      return refuse(SocksAnswer::bad_address_type, "unknown address type");
    case Field::v5_name_size:
      return expect(Field::v5_address, std::size_t{at(field, 0)} + 2);
    case Field::v5_address: {
      const auto host = field.substr(0, field.size() - 2);
      const auto port = port_at(field, host.size());
      if (address_type_ == kIpv4) return finish(address_text<boost::asio::ip::address_v4>(host.data()), port);
      if (address_type_ == kIpv6) return finish(address_text<boost::asio::ip::address_v6>(host.data()), port);
      return finish(host, port);
    }
    case Field::v4_user:
    case Field::v4_name:
      return;  // taken byte by byte
  }
}

void SocksCodec::choose_method() {
  const auto offered = [&](std::uint8_t method) {
    return field_ == Field::v5_methods && bytes_.find(static_cast<char>(method)) != bytes_.npos;
  };
  // Without a password of ours, a client that insists on giving one may.
  const bool wants_password = credentials_ || (any_password_ && offered(kPassword));
  if (!wants_password && offered(kNoAuth)) {
    output_ += std::string("\x05", 1) + static_cast<char>(kNoAuth);
    return expect(Field::v5_head, 4);
  }
  if (offered(kPassword)) {
    output_ += std::string("\x05", 1) + static_cast<char>(kPassword);
    return expect(Field::v5_auth_head, 2);
  }
  output_ += std::string("\x05", 1) + static_cast<char>(kNoMethod);
  state_ = State::refused;
  why_ = credentials_ ? "no password offered" : "no way to authenticate in common";
}

void SocksCodec::finish(std::string_view host, std::uint16_t port) {
  const auto command = version_ == 4 ? v4_command_ : v5_command_;
  const bool udp = version_ == 5 && command == kUdpAssociate;
  if (command == kBind || (udp && !takes_udp_))
    return refuse(SocksAnswer::not_supported,
                  udp ? "UDP ASSOCIATE is not supported here" : "BIND is not supported");
  if (command != kConnect && !udp) return refuse(SocksAnswer::not_supported, "unknown command");
  auto to = Endpoint::make(host, port);
  if (!to && udp) to = Endpoint("0.0.0.0", 0);  // what a client says that does not know
  if (!to) return refuse(SocksAnswer::host_unreachable, "not a host name");
  if (port == 0 && !udp) return refuse(SocksAnswer::failed, "port 0");
  destination_ = std::move(*to);
  state_ = State::request;
}

void SocksCodec::refuse(SocksAnswer answer, std::string_view why) {
  state_ = State::refused;
  why_ = why;
  if (version_ == 4 || version_ == 5) output_ += reply(answer);
}

std::string SocksCodec::associated_at(const Endpoint& relay) {
  std::vector<std::uint8_t> bytes{5, 0, 0};
  socks_address::append(bytes, relay);
  return {bytes.begin(), bytes.end()};
}

std::string SocksCodec::reply(SocksAnswer answer) const {
  // The bound address is of no use to anyone (and none of a client's business): zeros.
  if (version_ == 4) {
    std::string out(8, '\0');
    out[1] = answer == SocksAnswer::granted ? 90 : 91;
    return out;
  }
  std::string out(10, '\0');
  out[0] = 5;
  out[1] = static_cast<char>(socks5_code(answer));
  out[3] = kIpv4;
  return out;
}

}  // namespace surang::client
