// QUIC's first packets: raw, and what a well protected one says inside, in two datagrams at that.
#include <algorithm>
#include <cstdlib>

#include "client/routing/quic_site.hpp"
#include "tests/support/quic_initial.hpp"

using namespace surang;
using Look = client::QuicSite::Look;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span input(data, size);
  client::QuicSite raw;
  (void)raw.look(input);
  if (size < 2) return 0;
  const auto rest = input.subspan(2);
  const auto cut = std::min<std::size_t>(data[0] << 8 | data[1], rest.size());
  client::QuicSite site;
  for (const auto part : {rest.first(cut), rest.subspan(cut)}) {
    const auto look = site.look(test::seal_initial({}, {part.begin(), part.end()}, 0));
    if (look == Look::site && site.name().empty()) std::abort();
  }
  return 0;
}
