// Answers of plain HTTP in any chunks: whether one is whole does not depend on how the bytes were cut.
#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "client/detection/answer_tracker.hpp"

using namespace surang::client;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view request = data[0] & 1 ? "HEAD / HTTP/1.1" : "GET / HTTP/1.1";
  const std::span all(data + 1, size - 1);
  AnswerTracker whole, single, pieces;
  for (auto* tracker : {&whole, &single, &pieces})
    tracker->asked({reinterpret_cast<const std::uint8_t*>(request.data()), request.size()});
  whole.feed(all);
  for (std::size_t i = 0; i < all.size(); ++i) single.feed(all.subspan(i, 1));
  for (std::size_t i = 0, n = 1; i < all.size(); i += n, n = n * 3 % 1021 + 1) {
    n = std::min(n, all.size() - i);
    pieces.feed(all.subspan(i, n));
  }
  for (const auto* other : {&single, &pieces}) {
    if (other->known() != whole.known() || other->owed() != whole.owed() ||
        other->announced() != whole.announced())
      std::abort();
  }
  if (whole.owed() && !whole.known()) std::abort();
  if (whole.announced() && !whole.owed()) std::abort();
  return 0;
}
