// Datagrams at a bridge's quic port: noise, and packets that were scrambled as they should be but hold
// anything. What is scrambled is unscrambled to the same.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "transports/quic/admission.hpp"
#include "transports/quic/scramble.hpp"

using namespace surang;
using namespace surang::quic;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Scrambler scrambler(ScrambleKey{1, 2, 3});
  std::vector<std::uint8_t> noise(data, data + size);
  if (const auto packet = scrambler.unscramble(noise)) (void)parse_first_packet(*packet);
  const std::span<const std::uint8_t> plain(data, size);
  if (const auto first = parse_first_packet(plain)) {
    const auto text = first->admission.text();
    const auto again = Admission::parse(text);
    if (!again || again->text() != text) std::abort();
    (void)first->admission.holds(UserKey{}, first->connection());
    (void)first->admission.in_time(1'700'000'000);
  }
  if (size < 29 || size > 1451) return 0;
  std::vector<std::uint8_t> room(kHead + size + kMostPad);
  std::copy_n(data, size, room.begin() + kHead);
  const auto length = scrambler.scramble(room.data(), size, room.size());
  const auto back = scrambler.unscramble(std::span(room).first(length));
  if (!back || !std::ranges::equal(*back, plain)) std::abort();
  return 0;
}
