#include "transports/tls/quic_hello.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <boost/endian/conversion.hpp>
#include <memory>
#include <optional>
#include <string_view>

#include "transports/core/user.hpp"
#include "transports/core/varint.hpp"
#include "transports/tls/client_hello.hpp"

namespace surang::tls {
namespace {

using View = std::span<const std::uint8_t>;

constexpr std::size_t kTag = 16, kSample = 16, kMostPacketNumber = 4;
constexpr std::size_t kMostId = 20;  // RFC 9000 17.2

struct Version {
  std::uint32_t number;
  std::uint8_t initial;  // the type of its Initial packets, in place in the first byte
  std::array<std::uint8_t, 20> salt;
  std::string_view key, iv, hp;  // labels
};
constexpr std::array<Version, 2> kVersions{{{1,
                                             0x00,
                                             {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
                                              0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a},
                                             "quic key",
                                             "quic iv",
                                             "quic hp"},
                                            {0x6b3343cf,
                                             0x10,
                                             {0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
                                              0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9},
                                             "quicv2 key",
                                             "quicv2 iv",
                                             "quicv2 hp"}}};

// Takes fields off the front of what is left; `bad` once there was too little.
struct Fields {
  View left;
  bool bad = false;

  View take(std::uint64_t size) {
    bad = bad || size > left.size();
    if (bad) return {};
    const auto out = left.first(static_cast<std::size_t>(size));
    left = left.subspan(out.size());
    return out;
  }
  std::uint8_t byte() {
    const auto one = take(1);
    return bad ? 0 : one[0];
  }
  std::uint64_t varint() {
    const auto value = bad ? std::nullopt : take_varint(left);
    bad = !value;
    return value.value_or(0);
  }
};

// That of the long header at the front (RFC 9000 17.2), where it is an Initial packet's.
const Version* version_of_initial(View packet) {
  if (packet.size() < 5 || (packet[0] & 0xc0) != 0xc0) return nullptr;
  const auto number = boost::endian::load_big_u32(packet.data() + 1);
  const auto found = std::ranges::find(kVersions, number, &Version::number);
  return found != kVersions.end() && (packet[0] & 0x30) == found->initial ? &*found : nullptr;
}

// HKDF-Expand-Label (RFC 8446 7.1) of no more than one block.
template <std::size_t N>
std::array<std::uint8_t, N> expand(View secret, std::string_view label) {
  static_assert(N <= 32);
  std::vector<std::uint8_t> info{0, N, static_cast<std::uint8_t>(6 + label.size())};
  for (const std::string_view text : {std::string_view("tls13 "), label})
    info.insert(info.end(), text.begin(), text.end());
  info.insert(info.end(), {0, 1});  // no context; the first block
  std::array<std::uint8_t, N> out{};
  std::copy_n(hmac_sha256(secret, info).begin(), N, out.begin());
  return out;
}

using CipherPtr = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

CipherPtr cipher() {
  return {EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free};
}

// RFC 9001 5.4.3.
std::optional<std::array<std::uint8_t, kSample>> header_mask(View key, View sample) {
  const auto context = cipher();
  std::array<std::uint8_t, kSample> out{};
  int size = 0;
  const bool done = context &&
                    EVP_EncryptInit_ex(context.get(), EVP_aes_128_ecb(), nullptr, key.data(), nullptr) &&
                    EVP_CIPHER_CTX_set_padding(context.get(), 0) &&
                    EVP_EncryptUpdate(context.get(), out.data(), &size, sample.data(), kSample);
  if (!done) return std::nullopt;
  return out;
}

// RFC 9001 5.3.
std::optional<std::vector<std::uint8_t>> open(View key, View nonce, View header, View sealed) {
  const auto context = cipher();
  const auto body = sealed.first(sealed.size() - kTag);
  std::array<std::uint8_t, kTag> tag{};
  std::ranges::copy(sealed.last(kTag), tag.begin());
  std::vector<std::uint8_t> out(body.size());
  int size = 0;
  const bool done =
      context && EVP_DecryptInit_ex(context.get(), EVP_aes_128_gcm(), nullptr, key.data(), nonce.data()) &&
      EVP_DecryptUpdate(context.get(), nullptr, &size, header.data(), static_cast<int>(header.size())) &&
      EVP_DecryptUpdate(context.get(), out.data(), &size, body.data(), static_cast<int>(body.size())) &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTag, tag.data()) &&
      EVP_DecryptFinal_ex(context.get(), out.data() + size, &size) > 0;
  if (!done) return std::nullopt;
  return out;
}

// What a client's Initial packet says, whose parts these are.
std::optional<std::vector<std::uint8_t>> open_initial(const Version& version, View id, View packet,
                                                      std::size_t number_at) {
  if (packet.size() < number_at + kMostPacketNumber + kSample) return std::nullopt;
  const auto secret = expand<32>(hmac_sha256(version.salt, id), "client in");
  const auto mask =
      header_mask(expand<16>(secret, version.hp), packet.subspan(number_at + kMostPacketNumber, kSample));
  if (!mask) return std::nullopt;
  std::vector<std::uint8_t> header(
      packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(number_at) + kMostPacketNumber);
  header[0] ^= (*mask)[0] & 0x0f;
  const std::size_t number_size = 1 + (header[0] & 3);
  header.resize(number_at + number_size);
  auto nonce = expand<12>(secret, version.iv);
  for (std::size_t i = 0; i < number_size; ++i) {
    header[number_at + i] ^= (*mask)[1 + i];
    nonce[nonce.size() - number_size + i] ^= header[number_at + i];
  }
  return open(expand<16>(secret, version.key), nonce, header, packet.subspan(header.size()));
}

}  // namespace

bool QuicHello::may_begin(std::span<const std::uint8_t> datagram) noexcept {
  return version_of_initial(datagram) != nullptr;
}

QuicHello::State QuicHello::feed(std::span<const std::uint8_t> datagram) {
  const bool first = have_.empty();
  bool any = false;
  while (state_ == State::need_more && !datagram.empty() && take_packet(datagram)) any = true;
  // What follows the first may be of another kind, as early data is.
  if (state_ == State::need_more && first && !any) state_ = State::not_quic;
  return state_;
}

// False: no packet that can be read begins there.
bool QuicHello::take_packet(std::span<const std::uint8_t>& rest) {
  const auto* const version = version_of_initial(rest);
  if (!version) return false;
  Fields fields{rest.subspan(5)};
  const auto id = fields.take(fields.byte());
  const auto own_id = fields.take(fields.byte());
  fields.take(fields.varint());  // a token
  const auto length = fields.varint();
  if (fields.bad || id.size() > kMostId || own_id.size() > kMostId) return false;
  const auto number_at = rest.size() - fields.left.size();
  if (length > fields.left.size() || length < kMostPacketNumber + kSample) return false;
  const auto packet = rest.first(number_at + static_cast<std::size_t>(length));
  rest = rest.subspan(packet.size());
  const auto payload = open_initial(*version, id, packet, number_at);
  return payload && take_frames(*payload);
}

// False for a frame that an Initial packet of a client which has heard nothing yet cannot have.
bool QuicHello::take_frames(std::span<const std::uint8_t> payload) {
  constexpr std::uint64_t kPadding = 0, kPing = 1, kCrypto = 6;  // RFC 9000 19
  Fields fields{payload};
  while (!fields.left.empty()) {
    const auto type = fields.varint();
    if (fields.bad) return false;
    if (type == kPadding || type == kPing) continue;
    if (type != kCrypto) return false;
    const auto offset = fields.varint();
    const auto bytes = fields.take(fields.varint());
    if (fields.bad || !take_crypto(offset, bytes)) return false;
  }
  look();
  return true;
}

bool QuicHello::take_crypto(std::uint64_t offset, std::span<const std::uint8_t> bytes) {
  const auto end = offset + bytes.size();
  if (offset > kMaxClientHello || end > kMaxClientHello) return false;
  if (have_.size() < end) {
    have_.resize(static_cast<std::size_t>(end));
    message_.resize(have_.size());
  }
  const auto at = static_cast<std::ptrdiff_t>(offset);
  std::ranges::copy(bytes, message_.begin() + at);
  std::fill_n(have_.begin() + at, bytes.size(), true);
  while (whole_ < have_.size() && have_[whole_]) ++whole_;
  return true;
}

// A hello by QUIC has no records around it; our parser wants one.
void QuicHello::look() {
  constexpr std::size_t kHead = 4, kMostInRecord = 16384;
  if (whole_ < kHead) return;
  const std::size_t size = kHead + (std::size_t{message_[1]} << 16 | message_[2] << 8 | message_[3]);
  if (message_[0] != 1 || size > kMostInRecord) {
    state_ = State::not_quic;
    return;
  }
  if (whole_ < size) return;
  std::vector<std::uint8_t> record{22, 3, 1, static_cast<std::uint8_t>(size >> 8),
                                   static_cast<std::uint8_t>(size)};
  record.insert(record.end(), message_.begin(), message_.begin() + static_cast<std::ptrdiff_t>(size));
  ClientHello hello;
  const bool read = parse_client_hello(record, hello) == HelloState::complete;
  state_ = read ? State::complete : State::not_quic;
  if (read) server_name_ = hello.server_name;
}

}  // namespace surang::tls
