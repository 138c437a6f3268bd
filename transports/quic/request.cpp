#include "transports/quic/request.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "transports/core/socks_address.hpp"
#include "transports/tunnel/proxy_status.hpp"

namespace surang::quic {
namespace {

constexpr std::array kRefusals{
    Errc::no_route,
    Errc::destination_not_found,
    Errc::destination_refused,
    Errc::destination_unreachable,
    Errc::destination_timed_out,
    Errc::destination_denied,
    Errc::limit,
    Errc::protocol,
    Errc::unprocessed,
};

bool has_endpoint(Request::Kind kind) {
  return kind == Request::Kind::connection || kind == Request::Kind::question;
}

// Bytes that the request has in all, as far as `head` tells; 0: none can begin so.
std::size_t wanted(std::span<const std::uint8_t> head) {
  const auto kind = static_cast<Request::Kind>(head[0]);
  if (kind < Request::Kind::connection || kind > Request::Kind::control) return 0;
  if (!has_endpoint(kind)) return 1;
  if (head.size() < 3) return 3;
  switch (head[1]) {
    case socks_address::kIpv4:
      return 1 + 1 + 4 + 2;
    case socks_address::kName:
      return std::size_t{1} + 1 + 1 + head[2] + 2;
    case socks_address::kIpv6:
      return 1 + 1 + 16 + 2;
    default:
      return 0;
  }
}

}  // namespace

void append(std::vector<std::uint8_t>& to, const Request& request) {
  to.push_back(static_cast<std::uint8_t>(request.kind));
  if (has_endpoint(request.kind)) socks_address::append(to, request.to);
}

RequestReader::State RequestReader::take(std::span<const std::uint8_t>& bytes) {
  for (;;) {
    const auto size = head_.empty() ? 1 : wanted(head_);
    if (size == 0) return State::bad;
    if (head_.size() == size) break;
    if (bytes.empty()) return State::more;
    const auto n = std::min(size - head_.size(), bytes.size());
    head_.insert(head_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
    bytes = bytes.subspan(n);
  }
  request_.kind = static_cast<Request::Kind>(head_[0]);
  if (!has_endpoint(request_.kind)) return State::whole;
  auto parsed = socks_address::parse(std::span<const std::uint8_t>(head_).subspan(1));
  if (!parsed || parsed->endpoint.port() == 0) return State::bad;
  request_.to = std::move(parsed->endpoint);
  return State::whole;
}

std::uint8_t refusal_byte(const error_code& why) {
  const auto* found = std::ranges::find_if(kRefusals, [&](Errc e) { return why == e; });
  if (found == kRefusals.end()) return refusal_byte(make_error_code(tunnel::destination_error(why)));
  return static_cast<std::uint8_t>(1 + (found - kRefusals.begin()));
}

error_code refusal(std::uint8_t byte) {
  if (byte == kGranted || byte > kRefusals.size()) return make_error_code(Errc::no_route);
  return make_error_code(kRefusals[byte - 1]);
}

}  // namespace surang::quic
