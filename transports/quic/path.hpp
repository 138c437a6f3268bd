// Between which two addresses a packet goes.
#pragma once

#include <ngtcp2/ngtcp2.h>

#include <boost/asio/ip/udp.hpp>
#include <cstring>

namespace surang::quic {

struct Path {
  using Address = boost::asio::ip::udp::endpoint;
  Address local, remote;
  friend bool operator==(const Path&, const Path&) = default;

  /// As ngtcp2 has it; points into this.
  ngtcp2_path view() {
    ngtcp2_path out{};
    out.local = {local.data(), static_cast<ngtcp2_socklen>(local.size())};
    out.remote = {remote.data(), static_cast<ngtcp2_socklen>(remote.size())};
    return out;
  }

  static Path of(const ngtcp2_path& path) {
    const auto read = [](const ngtcp2_addr& from) {
      Address out;
      out.resize(from.addrlen);
      std::memcpy(out.data(), from.addr, from.addrlen);
      return out;
    };
    return {read(path.local), read(path.remote)};
  }
};

}  // namespace surang::quic
