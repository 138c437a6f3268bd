// What a user's streams begin with: the outcome must not depend on how the bytes are cut, and what is read is
// what is written.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "transports/quic/request.hpp"

using namespace surang;
using namespace surang::quic;

namespace {

std::string outcome(std::span<const std::uint8_t> input, std::size_t step) {
  RequestReader reader;
  while (!input.empty()) {
    auto piece = input.first(std::min(step, input.size()));
    input = input.subspan(piece.size());
    const auto state = reader.take(piece);
    if (state == RequestReader::State::bad) return "bad";
    if (state == RequestReader::State::more) continue;
    const auto& request = reader.request();
    std::vector<std::uint8_t> again;
    append(again, request);
    RequestReader second;
    std::span<const std::uint8_t> rest(again);
    if (second.take(rest) != RequestReader::State::whole || !rest.empty()) std::abort();
    if (second.request().kind != request.kind || second.request().to != request.to) std::abort();
    return std::to_string(static_cast<int>(request.kind)) + request.to.to_string() + ' ' +
           std::to_string(piece.size() + input.size());
  }
  return "more";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span input(data, size);
  if (outcome(input, 1) != outcome(input, SIZE_MAX)) std::abort();
  for (const auto byte : input.first(std::min<std::size_t>(size, 8))) {
    const auto why = refusal(byte);
    if (refusal(refusal_byte(why)) != why) std::abort();
  }
  return 0;
}
