// What comes back where a network is asked whether it wants a sign-in first.
#include <cstdint>
#include <cstdlib>

#include "client/detection/captive_portal.hpp"

using namespace surang::client;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const BlockPages known(surang::config::shipped_block_pages());
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const auto whole = judge_portal_answer(known, all, true);
  if (whole == PortalAnswer::need_more) std::abort();
  // A part may say nothing or the same; only what follows a 204 takes it back.
  const auto part = judge_portal_answer(known, all.substr(0, size / 2), false);
  if (part == PortalAnswer::portal && whole == PortalAnswer::clean) std::abort();
  return 0;
}
