// Any text as X-Forwarded-For: without an edge in it, it changes nothing; with some, what it tells is no
// edge, or stands at the end of what they wrote.
#include <cstdlib>

#include "bridge-server/listeners/trusted_edges.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace surang::bridge;
  static const TrustedEdges none({}), edges({"10.0.0.0/8", "::1"});
  static const auto edge = boost::asio::ip::make_address("10.0.0.1");
  static const auto other = boost::asio::ip::make_address("192.0.2.1");
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (none.client(edge, text) != edge || edges.client(other, text) != other) std::abort();
  const auto told = edges.client(edge, text);
  // Who claims to come from there through one more hop changes nothing.
  const auto claimed = "198.51.100.9, " + std::string(text);
  if (!edges.contains(told) && edges.client(edge, claimed) != told) std::abort();
  return 0;
}
