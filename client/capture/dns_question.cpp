#include "client/capture/dns_question.hpp"

#include <algorithm>

#include "transports/core/endpoint.hpp"

namespace surang::client::capture {
namespace {

using Wire = std::span<const std::uint8_t>;

constexpr std::size_t kHead = 12, kLongestName = 255;
constexpr std::uint16_t kInternet = 1, kAnyClass = 255, kOpt = 41;
constexpr std::uint8_t kIsReply = 0x80, kOperation = 0x78, kRecursionDesired = 0x01,
                       kRecursionAvailable = 0x80;

std::uint16_t number_at(Wire bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

// Where the name that begins behind the head ends, and what it is in words; nothing when it is cut off,
// compressed or too long.
std::optional<std::size_t> read_name(Wire message, std::string& name) {
  std::size_t at = kHead;
  while (at < message.size() && message[at] != 0) {
    const std::size_t length = message[at];
    if (length > 63 || at + 1 + length >= message.size() || at - kHead + length + 2 > kLongestName)
      return std::nullopt;
    if (!name.empty()) name += '.';
    for (std::size_t i = 1; i <= length; ++i) name += static_cast<char>(message[at + i]);
    at += 1 + length;
  }
  if (at >= message.size()) return std::nullopt;
  return at + 1;
}

void put(std::vector<std::uint8_t>& out, std::uint32_t value, unsigned bytes) {
  while (bytes-- > 0) out.push_back(static_cast<std::uint8_t>(value >> (8 * bytes)));
}

// The OPT record of a query is the only one behind its question, mostly; others there are nobody's business.
bool asks_by_edns(Wire query, std::size_t question_end) {
  const bool only_additional =
      number_at(query, 6) == 0 && number_at(query, 8) == 0 && number_at(query, 10) != 0;
  return only_additional && query.size() >= question_end + 11 && query[question_end] == 0 &&
         number_at(query, question_end + 1) == kOpt;
}

}  // namespace

std::optional<DnsQuestion> DnsQuestion::parse(Wire query) {
  if (query.size() < kHead || (query[2] & (kIsReply | kOperation)) != 0 || number_at(query, 4) != 1)
    return std::nullopt;
  std::string name;
  const auto end = read_name(query, name);
  if (!end || *end + 4 > query.size()) return std::nullopt;
  DnsQuestion question;
  question.type = number_at(query, *end);
  const auto of_class = number_at(query, *end + 2);
  question.internet = of_class == kInternet || of_class == kAnyClass;
  question.size = *end + 4;
  question.edns = asks_by_edns(query, question.size);
  if (const auto host = Endpoint::make(name, 53); host && !host->address()) question.name = host->host();
  return question;
}

std::vector<std::uint8_t> make_dns_answer(Wire query, const DnsQuestion& question, DnsCode code,
                                          const std::vector<boost::asio::ip::address>& addresses,
                                          std::uint32_t ttl) {
  std::vector<boost::asio::ip::address> given;
  std::ranges::copy_if(addresses, std::back_inserter(given), [&](const auto& address) {
    return address.is_v4() ? question.type == kTypeA : question.type == kTypeAaaa;
  });
  std::vector<std::uint8_t> out(query.begin(), query.begin() + static_cast<std::ptrdiff_t>(question.size));
  out[2] = static_cast<std::uint8_t>(kIsReply | (query[2] & kRecursionDesired));
  out[3] = static_cast<std::uint8_t>(kRecursionAvailable | static_cast<std::uint8_t>(code));
  std::fill(out.begin() + 6, out.begin() + kHead, std::uint8_t{0});
  out[7] = static_cast<std::uint8_t>(given.size());
  out[11] = question.edns ? 1 : 0;
  for (const auto& address : given) {
    put(out, 0xc000 | kHead, 2);  // the question's name
    put(out, question.type, 2);
    put(out, kInternet, 2);
    put(out, ttl, 4);
    put(out, address.is_v4() ? 4 : 16, 2);
    if (address.is_v4())
      put(out, address.to_v4().to_uint(), 4);
    else
      for (const auto byte : address.to_v6().to_bytes()) out.push_back(byte);
  }
  if (question.edns) {
    out.push_back(0);
    put(out, kOpt, 2);
    put(out, 1232, 2);  // what we take
    put(out, 0, 4);
    put(out, 0, 2);
  }
  return out;
}

}  // namespace surang::client::capture
