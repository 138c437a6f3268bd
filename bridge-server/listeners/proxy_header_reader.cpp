#include "bridge-server/listeners/proxy_header_reader.hpp"

#include <vector>

namespace surang::bridge {

asio::awaitable<Result<ProxyHeader>> read_proxy_header(Stream& stream) {
  std::vector<std::uint8_t> bytes(16);  // the fixed part tells how much follows
  ProxyHeader header;
  std::size_t have = 0;
  for (;;) {
    auto read = co_await stream.read_exactly(asio::buffer(bytes) + have);
    if (!read) co_return read.error();
    have = bytes.size();
    const auto state = parse_proxy_header(bytes, header);
    if (state == ProxyHeaderState::complete) co_return header;
    const std::size_t whole = 16 + (std::size_t{bytes[14]} << 8 | bytes[15]);
    if (state == ProxyHeaderState::bad || whole <= have) co_return make_error_code(Errc::protocol);
    bytes.resize(whole);
  }
}

}  // namespace surang::bridge
