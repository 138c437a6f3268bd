#define CARES_NO_DEPRECATED
#include "client/dns/dns_message.hpp"

#include <ares.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

namespace surang::client {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kHeader = 12;
constexpr int kMostAddresses = 32;

// Where the first question's name ends (it is never compressed there); 0 when there is none.
std::size_t question_end(Bytes message) {
  std::size_t at = kHeader;
  while (at < message.size() && message[at] != 0) {
    if (message[at] > 63) return 0;
    at += 1U + message[at];
  }
  at += 1 + 4;
  return at <= message.size() ? at : 0;
}

std::uint8_t lower(std::uint8_t c) {
  return c >= 'A' && c <= 'Z' ? static_cast<std::uint8_t>(c + 32) : c;
}

bool same_question(Bytes reply, Bytes query) {
  const auto end = question_end(query);
  if (end == 0 || question_end(reply) != end) return false;
  return std::equal(query.begin() + kHeader, query.begin() + static_cast<std::ptrdiff_t>(end),
                    reply.begin() + kHeader, [](auto a, auto b) { return lower(a) == lower(b); });
}

boost::asio::ip::address address_of(const ares_addrttl& found) {
  boost::asio::ip::address_v4::bytes_type bytes;
  std::memcpy(bytes.data(), &found.ipaddr, bytes.size());
  return boost::asio::ip::address_v4(bytes);
}

boost::asio::ip::address address_of(const ares_addr6ttl& found) {
  boost::asio::ip::address_v6::bytes_type bytes;
  std::memcpy(bytes.data(), &found.ip6addr, bytes.size());
  return boost::asio::ip::address_v6(bytes);
}

template <class Record, class Parse>
void read_addresses(Bytes message, Parse parse, DnsReply& reply) {
  std::array<Record, kMostAddresses> records{};
  int count = kMostAddresses;
  const int status = parse(message.data(), static_cast<int>(message.size()), nullptr, records.data(), &count);
  if (status == ARES_ENODATA) return;
  if (status != ARES_SUCCESS) {
    reply.kind = DnsReply::Kind::malformed;
    return;
  }
  int ttl = 24 * 3600;
  for (int i = 0; i < count; ++i) {
    const auto& record = records[static_cast<std::size_t>(i)];
    reply.addresses.push_back(address_of(record));
    ttl = std::clamp(record.ttl, 0, ttl);
  }
  reply.ttl = std::chrono::seconds(count > 0 ? ttl : 0);
}

}  // namespace

std::vector<std::uint8_t> make_dns_query(const std::string& host, RecordType type, std::uint16_t id) {
  constexpr int kInternet = 1, kLargestUdp = 1232;  // what DNS flag day 2020 settled on
  unsigned char* bytes = nullptr;
  int size = 0;
  if (ares_create_query(host.c_str(), kInternet, static_cast<int>(type), id, 1, &bytes, &size, kLargestUdp) !=
      ARES_SUCCESS)
    return {};
  const std::unique_ptr<unsigned char, void (*)(void*)> owner(bytes, ares_free_string);
  return {bytes, bytes + size};
}

bool answers(Bytes reply, Bytes query) {
  if (reply.size() < kHeader || query.size() < kHeader || (reply[2] & 0x80) == 0) return false;
  if (reply[0] != query[0] || reply[1] != query[1]) return false;
  const bool repeats = reply[4] != 0 || reply[5] != 0;
  return repeats ? same_question(reply, query) : query[4] == 0 && query[5] <= 1;
}

DnsReply parse_dns_reply(Bytes message, Bytes query) {
  DnsReply reply;
  if (!answers(message, query) || message.size() > 65535) return reply;
  if ((message[2] & 0x78) != 0) return reply;  // not to a plain query
  if (message[4] != 0 || message[5] != 1) return reply;
  const int code = message[3] & 0x0F;
  if (code == 3) {
    reply.kind = DnsReply::Kind::no_such_name;
    return reply;
  }
  if (code != 0) {
    reply.kind = DnsReply::Kind::failed;
    return reply;
  }
  if (message[2] & 0x02) {
    reply.kind = DnsReply::Kind::truncated;
    return reply;
  }
  reply.kind = DnsReply::Kind::answer;
  reply.records = static_cast<std::uint16_t>(message[6] << 8 | message[7]);
  reply.edns = (message[10] | message[11]) != 0;
  const auto end = question_end(query);
  const bool v6 = query[end - 3] == static_cast<std::uint8_t>(RecordType::aaaa);
  if (v6)
    read_addresses<ares_addr6ttl>(message, ares_parse_aaaa_reply, reply);
  else
    read_addresses<ares_addrttl>(message, ares_parse_a_reply, reply);
  return reply;
}

}  // namespace surang::client
