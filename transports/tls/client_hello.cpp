#include "transports/tls/client_hello.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

namespace surang::tls {
namespace {

enum Extension : std::uint16_t {
  ext_server_name = 0,
  ext_supported_groups = 10,
  ext_signature_algorithms = 13,
  ext_alpn = 16,
  ext_pre_shared_key = 41,
  ext_early_data = 42,
  ext_supported_versions = 43,
};

constexpr std::size_t kMaxRecord = 16384;

// Reads a part [pos, end) of a message of which only the first bytes may have arrived. The first thing that
// goes wrong stays in `state`, shared with the parts of the part; reads then give nothing.
class Reader {
 public:
  Reader(std::span<const std::uint8_t> arrived, std::size_t end, HelloState& state)
      : arrived_(arrived), end_(end), state_(state) {}

  bool ok() const { return state_ == HelloState::complete; }
  bool at_end() const { return pos_ == end_; }
  std::size_t pos() const { return pos_; }
  std::size_t left() const { return end_ - pos_; }
  void refuse() {
    if (ok()) state_ = HelloState::not_tls;
  }
  void expect(bool condition) {
    if (!condition) refuse();
  }

  std::span<const std::uint8_t> bytes(std::size_t n) {
    expect(n <= left());
    if (ok() && pos_ + n > arrived_.size()) state_ = HelloState::need_more;
    if (!ok()) return {};
    pos_ += n;
    return arrived_.subspan(pos_ - n, n);
  }
  std::uint8_t u8() {
    const auto b = bytes(1);
    return b.empty() ? std::uint8_t{0} : b[0];
  }
  // A big-endian number below or at `max`, refused at the first byte that makes it larger.
  std::uint32_t number(int size, std::uint32_t max) {
    std::uint32_t value = 0;
    for (int shift = 8 * (size - 1); shift >= 0 && ok(); shift -= 8) {
      value |= std::uint32_t{u8()} << shift;
      expect(value <= max);
    }
    return ok() ? value : 0;
  }
  std::uint16_t u16() { return static_cast<std::uint16_t>(number(2, 0xffff)); }
  std::uint32_t u32() {
    const auto high = std::uint32_t{u16()};
    return high << 16 | u16();
  }
  // The next part, with a length of `size` bytes in front of it.
  Reader part(int size, std::size_t min) {
    const auto room = left() < static_cast<std::size_t>(size) ? 0 : left() - static_cast<std::size_t>(size);
    const auto n = number(size, static_cast<std::uint32_t>(std::min<std::size_t>(room, 0xffffff)));
    expect(n >= min);
    Reader inner(arrived_, pos_ + n, state_);
    inner.pos_ = pos_;
    pos_ += n;
    return inner;
  }
  std::vector<std::uint8_t> rest() {
    const auto b = bytes(left());
    return {b.begin(), b.end()};
  }
  std::vector<std::uint16_t> rest_as_u16() {
    std::vector<std::uint16_t> list;
    expect(left() % 2 == 0);
    while (ok() && !at_end()) list.push_back(u16());
    return list;
  }

 private:
  std::span<const std::uint8_t> arrived_;
  std::size_t pos_ = 0, end_;
  HelloState& state_;
};

// The handshake bytes of the records in the input, and where each piece came from.
struct Records {
  struct Piece {
    std::size_t message_at, input_at, size;
    bool whole;  // the record ends with it
  };
  std::vector<std::uint8_t> message;
  std::vector<Piece> pieces;
  bool bad = false;  // the record after the pieces cannot be one of a handshake

  explicit Records(std::span<const std::uint8_t> input) {
    HelloState state = HelloState::complete;
    Reader in(input, input.size() + 5 + kMaxRecord, state);
    while (in.pos() < input.size()) {
      in.expect(in.u8() == 22);
      in.expect(in.u8() == 3);
      in.expect(in.u8() <= 4);
      const auto size = in.number(2, kMaxRecord);
      in.expect(size != 0);
      if (!in.ok()) break;
      const auto here = std::min<std::size_t>(size, input.size() - in.pos());
      pieces.push_back({message.size(), in.pos(), here, here == size});
      const auto body = in.bytes(here);
      message.insert(message.end(), body.begin(), body.end());
      if (here < size) break;
    }
    bad = state == HelloState::not_tls;
  }

  // Where the first `size` bytes of the message end.
  void find_end(std::size_t size, ClientHello& hello) const {
    for (const auto& p : pieces) {
      if (size > p.message_at + p.size) continue;
      hello.size = p.input_at + size - p.message_at;
      hello.ends_record = p.whole && size == p.message_at + p.size;
      return;
    }
  }
  std::optional<std::pair<std::size_t, std::size_t>> in_input(std::size_t at, std::size_t size) const {
    for (const auto& p : pieces)
      if (at >= p.message_at && at + size <= p.message_at + p.size)
        return std::pair(p.input_at + at - p.message_at, size);
    return {};
  }
};

void read_server_name(Reader& body, const Records& records, ClientHello& hello) {
  auto list = body.part(2, 4);
  while (list.ok() && !list.at_end()) {
    const auto type = list.u8();
    auto name = list.part(2, 1);
    const auto at = name.pos();
    const auto bytes = name.rest();
    if (!list.ok() || type != 0) continue;
    list.expect(hello.server_name.empty() && std::find(bytes.begin(), bytes.end(), 0) == bytes.end());
    hello.server_name_at = records.in_input(at, bytes.size());
    hello.server_name_in_message = at;
    for (const auto c : bytes) hello.server_name += static_cast<char>(std::tolower(c));
  }
}

void read_pre_shared_key(Reader& body, ClientHello& hello) {
  auto identities = body.part(2, 7);
  while (identities.ok() && !identities.at_end()) {
    PskIdentity psk;
    psk.identity = identities.part(2, 1).rest();
    psk.obfuscated_age = identities.u32();
    hello.psk_identities.push_back(std::move(psk));
  }
  hello.binders_at = body.pos();
  auto binders = body.part(2, 33);
  while (binders.ok() && !binders.at_end()) hello.psk_binders.push_back(binders.part(1, 32).rest());
  body.expect(hello.psk_binders.size() == hello.psk_identities.size());
}

void read_extension(std::uint16_t type, Reader& body, const Records& records, ClientHello& hello) {
  switch (type) {
    case ext_server_name:
      read_server_name(body, records, hello);
      break;
    case ext_supported_groups:
      hello.supported_groups = body.part(2, 2).rest_as_u16();
      break;
    case ext_signature_algorithms:
      hello.signature_algorithms = body.part(2, 2).rest_as_u16();
      break;
    case ext_alpn: {
      auto list = body.part(2, 2);
      while (list.ok() && !list.at_end()) {
        const auto name = list.part(1, 1).rest();
        hello.alpn.emplace_back(name.begin(), name.end());
      }
      break;
    }
    case ext_supported_versions:
      hello.supported_versions = body.part(1, 2).rest_as_u16();
      break;
    case ext_early_data:
      hello.early_data = true;
      break;
    case ext_pre_shared_key:
      read_pre_shared_key(body, hello);
      break;
    default:
      (void)body.bytes(body.left());
  }
  body.expect(body.at_end());
}

void read_message(Reader& in, const Records& records, ClientHello& hello) {
  in.expect(in.u8() == 1);
  // Nothing is shorter than a hello of SSL 3 with one suite.
  const auto size = in.number(3, kMaxClientHello - 9);
  in.expect(size >= 2 + 32 + 1 + 2 + 2 + 1 + 1);
  if (!in.ok()) return;
  hello.legacy_version = static_cast<std::uint16_t>(in.number(2, 0x0304));
  in.expect(hello.legacy_version >= 0x0300);
  const auto random = in.bytes(32);
  std::copy(random.begin(), random.end(), hello.random.begin());
  auto session = in.part(1, 0);
  in.expect(session.left() <= 32);
  hello.session_id = session.rest();
  hello.cipher_suites = in.part(2, 2).rest_as_u16();
  (void)in.part(1, 1).rest();
  if (!in.ok() || in.at_end()) return;
  auto extensions = in.part(2, 0);
  in.expect(in.at_end());
  while (in.ok() && !extensions.at_end()) {
    const auto type = extensions.u16();
    in.expect(hello.psk_identities.empty());  // it must be the last one
    in.expect(hello.extensions.size() < kMaxExtensions);
    in.expect(std::find(hello.extensions.begin(), hello.extensions.end(), type) == hello.extensions.end());
    auto body = extensions.part(2, 0);
    if (!in.ok()) return;
    hello.extensions.push_back(type);
    read_extension(type, body, records, hello);
  }
}

bool grease(std::uint16_t v) {
  return (v & 0x0f0f) == 0x0a0a && (v >> 8) == (v & 0xff);  // RFC 8701
}

std::string hex(std::uint16_t v) {
  constexpr std::string_view digits = "0123456789abcdef";
  return {digits[v >> 12], digits[v >> 8 & 15], digits[v >> 4 & 15], digits[v & 15]};
}

std::string joined(std::vector<std::uint16_t> values, bool sorted) {
  if (sorted) std::sort(values.begin(), values.end());
  std::string out;
  for (const auto v : values) (out += out.empty() ? "" : ",") += hex(v);
  return out;
}

std::string twelve(const std::string& text) {
  if (text.empty()) return "000000000000";
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), digest.data());
  std::string out;
  for (std::size_t i = 0; i < 6; i += 2)
    out += hex(static_cast<std::uint16_t>(digest[i] << 8 | digest[i + 1]));
  return out;
}

std::vector<std::uint16_t> without_grease(std::vector<std::uint16_t> values) {
  std::erase_if(values, grease);
  return values;
}

std::string two_digits(std::size_t n) {
  n = std::min<std::size_t>(n, 99);
  return {static_cast<char>('0' + n / 10), static_cast<char>('0' + n % 10)};
}

std::string version_name(const ClientHello& hello) {
  auto version = hello.legacy_version;
  const auto offered = without_grease(hello.supported_versions);
  if (!offered.empty()) version = *std::max_element(offered.begin(), offered.end());
  switch (version) {
    case 0x0304:
      return "13";
    case 0x0303:
      return "12";
    case 0x0302:
      return "11";
    case 0x0301:
      return "10";
    case 0x0300:
      return "s3";
    default:
      return "00";
  }
}

std::string alpn_name(const ClientHello& hello) {
  if (hello.alpn.empty()) return "00";
  const auto first = static_cast<unsigned char>(hello.alpn.front().front());
  const auto last = static_cast<unsigned char>(hello.alpn.front().back());
  if (std::isalnum(first) && std::isalnum(last)) return {static_cast<char>(first), static_cast<char>(last)};
  return {hex(first)[2], hex(last)[3]};
}

}  // namespace

HelloState parse_client_hello(std::span<const std::uint8_t> input, ClientHello& hello) {
  const Records records(input.first(std::min(input.size(), kMaxClientHello)));
  // The message counts as arrived as far as its records go; its own length says where it ends.
  std::size_t end = kMaxClientHello;
  if (records.message.size() >= 4)
    end = 4 +
          (std::size_t{records.message[1]} << 16 | std::size_t{records.message[2]} << 8 | records.message[3]);
  std::span<const std::uint8_t> readable(records.message);
  if (readable.size() < end && end <= kMaxClientHello)
    readable = readable.first(std::min(readable.size(), kReadAtOnce));
  HelloState state = HelloState::complete;
  ClientHello found;
  Reader in(readable, end, state);
  read_message(in, records, found);
  if (state == HelloState::need_more && (records.bad || input.size() >= kMaxClientHello))
    return HelloState::not_tls;
  if (state != HelloState::complete) return state;
  records.find_end(end, found);
  found.record_version = static_cast<std::uint16_t>(input[1] << 8 | input[2]);
  found.message.assign(records.message.begin(), records.message.begin() + static_cast<std::ptrdiff_t>(end));
  hello = std::move(found);
  return state;
}

std::string ja4(const ClientHello& hello) {
  const auto suites = without_grease(hello.cipher_suites);
  auto extensions = without_grease(hello.extensions);
  const auto count = extensions.size();
  const bool named = std::find(extensions.begin(), extensions.end(), ext_server_name) != extensions.end();
  std::erase_if(extensions, [](auto e) { return e == ext_server_name || e == ext_alpn; });
  auto third = joined(extensions, true);
  const auto algorithms = without_grease(hello.signature_algorithms);
  if (!algorithms.empty()) third += "_" + joined(algorithms, false);
  return "t" + version_name(hello) + (named ? "d" : "i") + two_digits(suites.size()) + two_digits(count) +
         alpn_name(hello) + "_" + twelve(joined(suites, true)) + "_" +
         (extensions.empty() ? "000000000000" : twelve(third));
}

}  // namespace surang::tls
