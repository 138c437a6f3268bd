// A state file of obfs4proxy: what is taken is written in the one way, and taken again.
#include <cstdint>
#include <cstdlib>

#include "client/pt/obfs4_state.hpp"

using namespace surang::client::pt;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string why;
  const auto state = parse_state({reinterpret_cast<const char*>(data), size}, why);
  if (!state) return 0;
  const auto text = format_state(*state);
  const auto again = parse_state(text, why);
  if (!again || format_state(*again) != text || format_bridge_line(*again) != format_bridge_line(*state))
    std::abort();
  if (patience_of(state->seed) >= std::chrono::seconds(60)) std::abort();
  return 0;
}
