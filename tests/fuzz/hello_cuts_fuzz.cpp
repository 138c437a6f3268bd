// A browser's hello on its way into pieces: the pieces are the same message, and cutting never reads beyond its input.
#include <algorithm>
#include <cstdlib>

#include "client/evasion/fragment_records.hpp"
#include "client/evasion/hello_cuts.hpp"
#include "transports/tls/client_hello.hpp"

using namespace surang;
using namespace surang::client;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> flight(data, size);
  const auto cuts = hello_cuts(flight);
  if (!std::is_sorted(cuts.begin(), cuts.end())) std::abort();
  if (!cuts.empty() && (cuts.front() == 0 || cuts.back() >= size)) std::abort();
  const auto pieces = fragment_records(flight, cuts);
  if (pieces.size() < size || pieces.size() > size + 5 * cuts.size()) std::abort();
  tls::ClientHello before, after;
  if (tls::parse_client_hello(flight, before) != tls::HelloState::complete) return 0;
  // A long hello may pass the parser's bound when cut, never turn into another one.
  if (tls::parse_client_hello(pieces, after) == tls::HelloState::complete) {
    if (before.message != after.message) std::abort();
  } else if (pieces.size() <= tls::kMaxClientHello) {
    std::abort();
  }
  std::vector<std::size_t> any;  // cuts that nobody chose
  for (std::size_t i = 0; i < size; i += 1 + data[i] % 7) any.push_back(i);
  const auto more = fragment_records(flight, any);
  if (more.size() <= tls::kMaxClientHello &&
      (tls::parse_client_hello(more, after) != tls::HelloState::complete || before.message != after.message))
    std::abort();
  return 0;
}
