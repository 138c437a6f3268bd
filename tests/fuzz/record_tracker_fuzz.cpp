// A TLS record layer in any chunks: where it stands does not depend on how the bytes were cut.
#include <algorithm>
#include <cstdlib>

#include "client/detection/record_tracker.hpp"

using namespace surang::client;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span all(data, size);
  RecordTracker whole, single, pieces;
  whole.feed(all);
  for (std::size_t i = 0; i < size; ++i) single.feed(all.subspan(i, 1));
  for (std::size_t i = 0, n = 1; i < size; i += n, n = n * 3 % 1021 + 1) {
    n = std::min(n, size - i);
    pieces.feed(all.subspan(i, n));
  }
  for (const auto* other : {&single, &pieces}) {
    if (other->known() != whole.known() || other->in_record() != whole.in_record() ||
        other->records() != whole.records())
      std::abort();
  }
  if (whole.in_record() && !whole.known()) std::abort();
  if (refuses_certificate(all) && (size > 48 || (whole.known() && whole.in_record()))) std::abort();
  return 0;
}
