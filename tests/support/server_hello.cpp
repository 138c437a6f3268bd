#include "tests/support/server_hello.hpp"

namespace surang::test {

std::vector<std::uint8_t> server_hello(const std::vector<std::uint8_t>& session_id) {
  std::vector<std::uint8_t> body{3, 3};
  body.insert(body.end(), 32, 7);
  body.push_back(static_cast<std::uint8_t>(session_id.size()));
  body.insert(body.end(), session_id.begin(), session_id.end());
  for (const int b : {0x13, 0x01, 0, 0, 6, 0, 43, 0, 2, 3, 4}) body.push_back(static_cast<std::uint8_t>(b));
  const auto size = body.size();
  std::vector<std::uint8_t> record{
      22, 3, 3, 0, static_cast<std::uint8_t>(size + 4), 2, 0, 0, static_cast<std::uint8_t>(size)};
  record.insert(record.end(), body.begin(), body.end());
  return record;
}

}  // namespace surang::test
