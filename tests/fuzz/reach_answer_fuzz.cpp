// What a bridge says of a destination. Whatever is read is written as a text that reads the same again.
#include <cstdlib>
#include <string_view>

#include "transports/tunnel/reach_answer.hpp"

using namespace surang::tunnel;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto clean = clean_text(text);
  if (clean_text(clean) != clean || clean.size() > 4 * kMostReachTitle) std::abort();
  const auto read = parse_reach_answer(text);
  if (!read) return 0;
  if (read->addresses.size() > kMostReachAddresses || read->attempts.size() > kMostReachAddresses)
    std::abort();
  const auto written = to_text(*read);
  const auto again = parse_reach_answer(written);
  if (!again || to_text(*again) != written) std::abort();
  return 0;
}
