#include "client/evasion/fragment_records.hpp"

namespace surang::client {
namespace {

constexpr std::size_t kHeader = 5;

}  // namespace

std::vector<std::uint8_t> fragment_records(std::span<const std::uint8_t> flight,
                                           std::span<const std::size_t> cuts) {
  std::vector<std::uint8_t> out;
  out.reserve(flight.size() + kHeader * cuts.size());
  const auto copy = [&](std::size_t begin, std::size_t end) {
    const auto part = flight.subspan(begin, end - begin);
    out.insert(out.end(), part.begin(), part.end());
  };
  auto cut = cuts.begin();
  std::size_t record = 0;
  while (record + kHeader <= flight.size()) {
    const auto size = static_cast<std::size_t>(flight[record + 3]) << 8 | flight[record + 4];
    auto begin = record + kHeader;
    const auto end = begin + size;
    if (end > flight.size()) break;
    do {
      while (cut != cuts.end() && *cut <= begin) ++cut;
      const auto stop = cut != cuts.end() && *cut < end ? *cut : end;
      copy(record, record + 3);
      out.push_back(static_cast<std::uint8_t>((stop - begin) >> 8));
      out.push_back(static_cast<std::uint8_t>((stop - begin) & 0xFF));
      copy(begin, stop);
      begin = stop;
    } while (begin < end);
    record = end;
  }
  copy(record, flight.size());
  return out;
}

}  // namespace surang::client
