// Names to addresses. Implementations: tcp/system_resolver (getaddrinfo), and the client's dns/.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>
#include <string>
#include <vector>

#include "transports/core/result.hpp"

namespace surang {

class Resolver {
 public:
  virtual ~Resolver() = default;
  /// At least one address, in the order in which to try them (RFC 6724), or Errc::name_not_found,
  /// Errc::timed_out, or the resolver's own error. A literal answers itself.
  virtual boost::asio::awaitable<Result<std::vector<boost::asio::ip::address>>> resolve(std::string host) = 0;
};

}  // namespace surang
