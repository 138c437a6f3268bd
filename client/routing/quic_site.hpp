// Tells from a program's datagrams to one address which site they are for, where they are QUIC's. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "transports/tls/quic_hello.hpp"

namespace surang::client {

class QuicSite {
 public:
  enum class Look {
    same,  ///< it goes where those before have gone
    hold,  ///< it cannot be told before the next one
    site,  ///< a connection to name() begins, by this one and those that were held
  };

  /// The next one. After a few that were held for nothing, `same`.
  Look look(std::span<const std::uint8_t> payload);
  /// Lower case, never empty once there was a site.
  const std::string& name() const noexcept { return name_; }

 private:
  tls::QuicHello hello_;
  bool looking_ = false;
  unsigned held_ = 0;
  std::string name_;
};

}  // namespace surang::client
