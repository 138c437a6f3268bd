// PROXY protocol version 2 (HAProxy, proxy-protocol.txt 2.2): who really connected, told by a load balancer
// in front. Pure.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <optional>
#include <span>

namespace surang::bridge {

enum class ProxyHeaderState { need_more, complete, bad };

struct ProxyHeader {
  std::size_t size = 0;                                  ///< bytes of the input it took up
  std::optional<boost::asio::ip::tcp::endpoint> source;  ///< absent for LOCAL and for families we do not know
};

/// The longest header that is accepted: 16 bytes and 2 KiB of addresses and TLVs.
inline constexpr std::size_t kMaxProxyHeader = 16 + 2048;

ProxyHeaderState parse_proxy_header(std::span<const std::uint8_t> input, ProxyHeader& header);

}  // namespace surang::bridge
