// The SOCKS negotiation: the outcome must not depend on how the bytes are cut.
#include <cstdlib>

#include "client/inbound/socks_codec.hpp"

using namespace surang::client;

namespace {

struct Outcome {
  SocksCodec::State state;
  std::string output, to, user, password;
  std::size_t used;
  bool operator==(const Outcome&) const = default;
};

Outcome run(std::span<const std::uint8_t> input, std::size_t step, SocksCodec codec) {
  std::size_t used = 0;
  std::string output;
  while (codec.state() == SocksCodec::State::reading && used < input.size()) {
    used += codec.feed(input.subspan(used, std::min(step, input.size() - used)));
    output += codec.take_output();
  }
  if (codec.state() == SocksCodec::State::request) (void)codec.reply(SocksAnswer::granted);
  return {codec.state(), output, codec.destination().to_string(), codec.user(), codec.password(), used};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Credentials credentials =
      (data[0] & 1) ? Credentials(std::pair<std::string, std::string>("u", "p")) : Credentials();
  const std::span input(data + 1, size - 1);
  SocksCodec fresh = (data[0] & 2) ? SocksCodec::for_any_password() : SocksCodec(credentials);
  if (data[0] & 4) fresh.take_udp();
  const auto whole = run(input, SIZE_MAX, fresh);
  if (run(input, 1, fresh) != whole) std::abort();
  return 0;
}
