// Pieces of a direction as hostile requests may bring them, against the plainest way to put them together.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "transports/fronted/reassembly.hpp"

using namespace surang::fronted;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kCapacity = 64;
  Reassembly in(kCapacity);
  std::vector<bool> known;
  std::uint64_t next = 0, read = 0;
  const auto byte_at = [](std::uint64_t offset) { return static_cast<std::uint8_t>(offset * 167 + 13); };
  for (; size >= 3; data += 3, size -= 3) {
    // Near what is next, as only such pieces do anything.
    const std::uint64_t offset = read + data[0] % 96 - std::min<std::uint64_t>(read, 16);
    std::vector<std::uint8_t> piece(data[1] % 80);
    for (std::size_t i = 0; i < piece.size(); ++i) piece[i] = byte_at(offset + i);
    const auto taken = in.add(offset, piece);
    const auto most =
        offset >= read + kCapacity ? 0 : std::min<std::uint64_t>(piece.size(), read + kCapacity - offset);
    if (taken != most) std::abort();
    known.resize(std::max<std::size_t>(known.size(), offset + taken));
    for (std::size_t i = 0; i < taken; ++i) known[offset + i] = true;
    while (next < known.size() && known[next]) ++next;
    if (in.next() != next || in.readable() != next - read) std::abort();
    std::vector<std::uint8_t> out(data[2] % 64);
    out.resize(in.read(out));
    for (const auto byte : out)
      if (byte != byte_at(read++)) std::abort();
  }
  return 0;
}
