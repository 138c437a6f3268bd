#include "tests/censor/middlebox/packet.hpp"

#include <algorithm>

namespace surang::censor {
namespace {

constexpr std::uint8_t kIcmp = 1, kIcmp6 = 58;
constexpr std::uint8_t kHops = 61;

std::uint16_t read16(View bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

std::uint32_t read32(View bytes, std::size_t at) {
  return static_cast<std::uint32_t>(read16(bytes, at)) << 16 | read16(bytes, at + 2);
}

void write16(Bytes& bytes, std::size_t at, std::size_t value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}

void write32(Bytes& bytes, std::size_t at, std::uint32_t value) {
  write16(bytes, at, value >> 16);
  write16(bytes, at + 2, value & 0xffff);
}

std::uint32_t sum(View bytes, std::uint32_t start) {
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) start += read16(bytes, i);
  if (bytes.size() % 2) start += static_cast<std::uint32_t>(bytes.back() << 8);
  return start;
}

std::uint16_t fold(std::uint32_t total) {
  while (total >> 16) total = (total & 0xffff) + (total >> 16);
  return static_cast<std::uint16_t>(~total);
}

View address_bytes(const Address& address) {
  return View(address.bytes).first(address.v6 ? 16 : 4);
}

/// Puts an IP header before `body` and fills the checksum at `checksum_at` of the body.
Bytes wrap(const Address& source, const Address& destination, std::uint8_t protocol, Bytes body,
           std::size_t checksum_at) {
  const bool pseudo = protocol != kIcmp;
  std::uint32_t start = 0;
  if (pseudo) {
    start = sum(address_bytes(source), sum(address_bytes(destination), protocol));
    start += static_cast<std::uint32_t>(body.size());
  }
  std::uint16_t check = fold(sum(body, start));
  if (protocol == kUdp && check == 0) check = 0xffff;
  write16(body, checksum_at, check);

  const std::size_t header = source.v6 ? 40 : 20;
  Bytes packet(header);
  if (source.v6) {
    packet[0] = 0x60;
    write16(packet, 4, body.size());
    packet[6] = protocol;
    packet[7] = kHops;
    std::ranges::copy(source.bytes, packet.begin() + 8);
    std::ranges::copy(destination.bytes, packet.begin() + 24);
  } else {
    packet[0] = 0x45;
    write16(packet, 2, header + body.size());
    packet[6] = 0x40;
    packet[8] = kHops;
    packet[9] = protocol;
    std::ranges::copy(address_bytes(source), packet.begin() + 12);
    std::ranges::copy(address_bytes(destination), packet.begin() + 16);
    write16(packet, 10, fold(sum(packet, 0)));
  }
  packet.insert(packet.end(), body.begin(), body.end());
  return packet;
}

bool parse_transport(View body, Packet& packet) {
  auto& ends = packet.ends;
  if (packet.protocol == kTcp) {
    if (body.size() < 20) return false;
    const std::size_t header = static_cast<std::size_t>(body[12] >> 4) * 4;
    if (header < 20 || header > body.size()) return false;
    packet.seq = read32(body, 4);
    packet.ack = read32(body, 8);
    packet.flags = body[13] & 0x3f;
    packet.payload = body.subspan(header);
  } else if (packet.protocol == kUdp) {
    if (body.size() < 8) return false;
    packet.payload = body.subspan(8);
  } else {
    return true;
  }
  ends.source_port = read16(body, 0);
  ends.destination_port = read16(body, 2);
  return true;
}

bool parse_v4(View bytes, Packet& packet) {
  if (bytes.size() < 20) return false;
  const std::size_t header = static_cast<std::size_t>(bytes[0] & 15) * 4, total = read16(bytes, 2);
  if (header < 20 || total < header || total > bytes.size()) return false;
  std::copy_n(bytes.begin() + 12, 4, packet.ends.source.bytes.begin());
  std::copy_n(bytes.begin() + 16, 4, packet.ends.destination.bytes.begin());
  packet.protocol = bytes[9];
  packet.all = bytes.first(total);
  if (read16(bytes, 6) & 0x1fff) return true;
  return parse_transport(packet.all.subspan(header), packet);
}

bool parse_v6(View bytes, Packet& packet) {
  if (bytes.size() < 40) return false;
  const std::size_t total = 40u + read16(bytes, 4);
  if (total > bytes.size()) return false;
  packet.ends.source.v6 = packet.ends.destination.v6 = true;
  std::copy_n(bytes.begin() + 8, 16, packet.ends.source.bytes.begin());
  std::copy_n(bytes.begin() + 24, 16, packet.ends.destination.bytes.begin());
  packet.protocol = bytes[6];
  packet.all = bytes.first(total);
  return parse_transport(packet.all.subspan(40), packet);
}

Bytes with_address(const Packet& packet, const Address& address, bool source) {
  Bytes bytes(packet.all.begin(), packet.all.end());
  const bool v6 = address.v6;
  const std::size_t header = v6 ? 40 : static_cast<std::size_t>(bytes[0] & 15) * 4;
  std::ranges::copy(address_bytes(address), bytes.begin() + (v6 ? (source ? 8 : 24) : (source ? 12 : 16)));
  if (!v6) {
    write16(bytes, 10, 0);
    write16(bytes, 10, fold(sum(View(bytes).first(header), 0)));
  }
  if (packet.protocol != kTcp && packet.protocol != kUdp) return bytes;
  const std::size_t at = header + (packet.protocol == kTcp ? 16 : 6);
  write16(bytes, at, 0);
  const auto& other = source ? packet.ends.destination : packet.ends.source;
  const auto body = View(bytes).subspan(header);
  std::uint32_t start = sum(address_bytes(address), sum(address_bytes(other), packet.protocol));
  start += static_cast<std::uint32_t>(body.size());
  const std::uint16_t check = fold(sum(body, start));
  write16(bytes, at, packet.protocol == kUdp && check == 0 ? 0xffff : check);
  return bytes;
}

}  // namespace

Bytes with_source(const Packet& packet, const Address& source) {
  return with_address(packet, source, true);
}

Bytes with_destination(const Packet& packet, const Address& destination) {
  return with_address(packet, destination, false);
}

bool parse_packet(View bytes, Packet& packet) {
  packet = Packet{};
  if (bytes.empty()) return false;
  if (bytes[0] >> 4 == 4) return parse_v4(bytes, packet);
  return bytes[0] >> 4 == 6 && parse_v6(bytes, packet);
}

Bytes forge_tcp(const Ends& ends, std::uint32_t seq, std::uint32_t ack, std::uint8_t flags, View payload) {
  Bytes body(20);
  write16(body, 0, ends.source_port);
  write16(body, 2, ends.destination_port);
  write32(body, 4, seq);
  write32(body, 8, ack);
  body[12] = 5 << 4;
  body[13] = flags;
  write16(body, 14, flags & kRst ? 0 : 501);
  body.insert(body.end(), payload.begin(), payload.end());
  return wrap(ends.source, ends.destination, kTcp, std::move(body), 16);
}

Bytes forge_udp(const Ends& ends, View payload) {
  Bytes body(8);
  write16(body, 0, ends.source_port);
  write16(body, 2, ends.destination_port);
  write16(body, 4, 8 + payload.size());
  body.insert(body.end(), payload.begin(), payload.end());
  return wrap(ends.source, ends.destination, kUdp, std::move(body), 6);
}

Bytes forge_unreachable(const Packet& refused) {
  const bool v6 = refused.ends.source.v6;
  const auto quoted = refused.all.first(std::min<std::size_t>(refused.all.size(), v6 ? 1200 : 68));
  Bytes body(8);
  body[0] = v6 ? 1 : 3;
  body[1] = v6 ? 1 : 13;
  body.insert(body.end(), quoted.begin(), quoted.end());
  return wrap(refused.ends.destination, refused.ends.source, v6 ? kIcmp6 : kIcmp, std::move(body), 2);
}

}  // namespace surang::censor
