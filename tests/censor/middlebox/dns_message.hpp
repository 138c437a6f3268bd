// Just enough DNS (RFC 1035) to read a question and forge an answer to it. Pure.
#pragma once

#include <string>
#include <vector>

#include "tests/censor/middlebox/packet.hpp"

namespace surang::censor {

inline constexpr std::uint16_t kTypeA = 1, kTypeAaaa = 28;

struct DnsQuestion {
  std::string name;  ///< lower case, no final dot
  std::uint16_t type = 0;
  std::size_t end = 0;  ///< offset behind the question
};

/// False unless the message is a query with one question.
bool parse_question(View message, DnsQuestion& question);

/// Answers with those of `addresses` that fit the type, or with NXDOMAIN.
Bytes forge_answer(View query, const DnsQuestion& question, const std::vector<Address>& addresses,
                   bool nxdomain);

}  // namespace surang::censor
