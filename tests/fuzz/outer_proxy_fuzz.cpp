// An outer proxy's URI, and what such a proxy answers.
#include <algorithm>
#include <cstdlib>

#include "client/outer_proxy/outer_proxy.hpp"

using namespace surang;
using namespace surang::client;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto line = text.find('\n');
  std::string why;
  const auto proxy = parse_outer_proxy(text.substr(0, line), why);
  if (!proxy) {
    if (why.empty()) std::abort();
    return 0;
  }
  if (!proxy->at.address() || proxy->at.port() == 0) std::abort();
  const auto to = (data[0] & 1) ? Endpoint("x.com", 443) : Endpoint("2001:db8::1", 443);
  ProxyNegotiation negotiation(*proxy, to);
  std::span<const std::uint8_t> answer(data + 1, size - 1);
  answer = answer.subspan(std::min(line, answer.size() - 1) + 1);
  while (negotiation.state() == ProxyNegotiation::State::talking) {
    const auto wanted = negotiation.wanted();
    if (wanted == 0) std::abort();
    if (wanted > answer.size()) return 0;
    negotiation.feed(answer.first(wanted));
    answer = answer.subspan(wanted);
    (void)negotiation.take_output();
  }
  if ((negotiation.state() == ProxyNegotiation::State::refused) != negotiation.error().failed()) std::abort();
  return 0;
}
