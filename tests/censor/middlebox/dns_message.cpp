#include "tests/censor/middlebox/dns_message.hpp"

namespace surang::censor {

bool parse_question(View message, DnsQuestion& question) {
  if (message.size() < 17 || message[2] & 0x80 || message[4] != 0 || message[5] != 1) return false;
  question = {};
  std::size_t at = 12;
  while (at < message.size() && message[at] != 0) {
    const std::size_t length = message[at];
    if (length > 63 || at + 1 + length >= message.size()) return false;
    if (!question.name.empty()) question.name += '.';
    for (std::size_t i = 1; i <= length; ++i) {
      const auto c = static_cast<char>(message[at + i]);
      question.name += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    }
    at += 1 + length;
  }
  if (at + 5 > message.size()) return false;
  question.type = static_cast<std::uint16_t>(message[at + 1] << 8 | message[at + 2]);
  question.end = at + 5;
  return true;
}

Bytes forge_answer(View query, const DnsQuestion& question, const std::vector<Address>& addresses,
                   bool nxdomain) {
  Bytes answer(query.begin(), query.begin() + static_cast<std::ptrdiff_t>(question.end));
  answer[2] = static_cast<std::uint8_t>(0x80 | (query[2] & 1));
  answer[3] = static_cast<std::uint8_t>(0x80 | (nxdomain ? 3 : 0));
  std::fill(answer.begin() + 6, answer.begin() + 12, std::uint8_t{0});
  for (const auto& address : addresses) {
    if (nxdomain || question.type != (address.v6 ? kTypeAaaa : kTypeA)) continue;
    const std::uint8_t size = address.v6 ? 16 : 4;
    const std::uint8_t record[] = {0xc0, 12, 0,   static_cast<std::uint8_t>(question.type), 0, 1, 0, 0, 0,
                                   60,   0,  size};
    answer.insert(answer.end(), std::begin(record), std::end(record));
    answer.insert(answer.end(), address.bytes.begin(), address.bytes.begin() + size);
    ++answer[7];
  }
  return answer;
}

}  // namespace surang::censor
