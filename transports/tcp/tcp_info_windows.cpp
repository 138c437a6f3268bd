#include "transports/tcp/tcp_info.hpp"

namespace surang {

std::optional<TcpInfo> tcp_info(int) {
  return std::nullopt;
}

}  // namespace surang
