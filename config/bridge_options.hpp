// Typed options of the bridge, with the defaults. bridge_config reads them from TOML.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "transports/fronted/front.hpp"

namespace surang::config {

struct ListenerOptions {
  boost::asio::ip::tcp::endpoint address;
  std::string transport = "https";
  bool proxy_protocol = false;             ///< expects PROXY protocol v2 from a load balancer in front
  unsigned iat_mode = 0;                   ///< obfs4: 0, 1 or 2; what clients are told to do as well
  std::vector<std::string> edges;          ///< fronted: address ranges whose X-Forwarded-For is believed
  std::filesystem::path certificate, key;  ///< fronted: PEM files, for TLS to the edge; both or none
  friend bool operator==(const ListenerOptions&, const ListenerOptions&) = default;
};

struct BridgeOptions {
  std::vector<std::string> hosts;  ///< public names or addresses, for the links
  std::vector<ListenerOptions> listeners;
  std::vector<fronted::Front> fronts;        ///< how clients reach the fronted listeners, for the links
  std::string sni;                           ///< the name clients show; default: the cover's host
  Endpoint cover;                            ///< whom strangers are shown
  std::filesystem::path state_dir;           ///< keys (0600) and users (SQLite)
  std::vector<std::string> allow_egress;     ///< address ranges opened on purpose, "10.1.0.0/16"
  unsigned workers = 0;                      ///< 0: one per core
  unsigned max_handshakes_per_address = 64;  ///< at once
  unsigned max_sessions_per_user = 64;
  std::string log_level = "info";
};

}  // namespace surang::config
