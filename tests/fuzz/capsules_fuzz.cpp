// Capsules, the datagrams in them, and what a SOCKS5 client sends by UDP: the outcome must not depend on how
// the bytes are cut, and what is read is what is written.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "client/inbound/udp_request.hpp"
#include "transports/tunnel/capsules.hpp"

using namespace surang;
using namespace surang::tunnel;

namespace {

std::string run(std::span<const std::uint8_t> input, std::size_t step) {
  CapsuleReader reader;
  std::string out;
  while (!input.empty()) {
    auto piece = input.first(std::min(step, input.size()));
    input = input.subspan(piece.size());
    while (!piece.empty()) {
      const auto value = reader.next(piece);
      const auto datagram = value ? parse_datagram(*value) : std::nullopt;
      if (!datagram) continue;
      out += datagram->peer.to_string() + ' ';
      out.append(datagram->payload.begin(), datagram->payload.end());
      std::vector<std::uint8_t> again;
      append_datagram(again, datagram->peer, datagram->payload);
      std::span<const std::uint8_t> rest(again);
      CapsuleReader second;
      const auto same = second.next(rest);
      const auto read = same ? parse_datagram(*same) : std::nullopt;
      if (!read || read->peer != datagram->peer || !std::ranges::equal(read->payload, datagram->payload))
        std::abort();
    }
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span input(data, size);
  if (run(input, 1) != run(input, SIZE_MAX)) std::abort();
  if (const auto request = client::parse_udp_request(input)) {
    auto again = client::udp_reply_header(request->to);
    again.insert(again.end(), request->payload.begin(), request->payload.end());
    const auto read = client::parse_udp_request(again);
    if (!read || read->to != request->to || !std::ranges::equal(read->payload, request->payload))
      std::abort();
  }
  return 0;
}
