// The operating system's resolver (getaddrinfo), off the executor's thread.
#pragma once

#include "transports/core/resolver.hpp"

namespace surang {

class SystemResolver : public Resolver {
 public:
  boost::asio::awaitable<Result<std::vector<boost::asio::ip::address>>> resolve(std::string host) override;
};

}  // namespace surang
