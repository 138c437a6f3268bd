// The Extended ORPort's side of the conversation: the outcome must not depend on how the bytes are cut, and
// who reads what is wanted reads nothing beyond.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "client/pt/ext_orport.hpp"
#include "transports/core/user.hpp"

using namespace surang;
using namespace surang::client::pt;

namespace {

struct Outcome {
  ExtOrPort::State state;
  std::string output;
  std::size_t used;
  bool operator==(const Outcome&) const = default;
};

Outcome run(std::span<const std::uint8_t> input, std::size_t step) {
  ExtOrPort port({}, {}, "192.0.2.1:5000", "obfs4");
  Outcome out{ExtOrPort::State::talking, {}, 0};
  while (port.state() == ExtOrPort::State::talking && out.used < input.size()) {
    const auto n = std::min(step == 0 ? port.wanted() : step, input.size() - out.used);
    out.used += port.feed(input.subspan(out.used, n));
    out.output += port.take_output();
  }
  out.state = port.state();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::vector<std::uint8_t> input(data + 1, data + size);
  // The right hash, where there is room for one: nobody finds it by chance.
  const auto hash = static_cast<std::size_t>(std::find(input.begin(), input.end(), 0) - input.begin()) + 1;
  if ((data[0] & 1) && input.size() >= hash + 64) {
    constexpr std::string_view kWhat = "ExtORPort authentication server-to-client hash";
    std::vector<std::uint8_t> text(kWhat.begin(), kWhat.end());
    text.resize(text.size() + 32);
    text.insert(text.end(), input.begin() + hash + 32, input.begin() + hash + 64);
    const OrCookie cookie{};
    std::ranges::copy(hmac_sha256(cookie, text), input.begin() + static_cast<std::ptrdiff_t>(hash));
  }
  const auto whole = run(input, SIZE_MAX);
  if (run(input, 1) != whole || run(input, 0) != whole) std::abort();
  (void)parse_or_cookie({reinterpret_cast<const char*>(data), size});
  return 0;
}
