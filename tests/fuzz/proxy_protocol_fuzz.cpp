// Any bytes as a PROXY header: what is complete stays complete with more behind it, what is bad stays bad.
#include <cstdlib>

#include "bridge-server/listeners/proxy_protocol.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace surang::bridge;
  auto last = ProxyHeaderState::need_more;
  std::size_t decided_size = 0;
  for (std::size_t n = 0; n <= size && n <= kMaxProxyHeader + 16; ++n) {
    ProxyHeader header;
    const auto state = parse_proxy_header({data, n}, header);
    if (last != ProxyHeaderState::need_more && state != last) std::abort();
    if (state == ProxyHeaderState::complete) {
      if (header.size > n || header.size > kMaxProxyHeader) std::abort();
      if (last == state && header.size != decided_size) std::abort();
      decided_size = header.size;
    }
    last = state;
  }
  return 0;
}
