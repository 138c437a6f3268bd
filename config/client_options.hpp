// Typed options of the client, with the defaults. client_config reads them from TOML.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "config/block_page_list.hpp"
#include "config/captive_probe.hpp"
#include "config/service_list.hpp"
#include "config/share_link.hpp"

namespace surang::config {

enum class RuleAction { always_tunnel, always_direct, never };  ///< never: refused, nothing is dialled

/// `pattern`: "example.com" (it and below), "=example.com" (only it), "*.example.com" (only below),
/// an address, or an address range "10.0.0.0/8".
struct Rule {
  RuleAction action = RuleAction::always_tunnel;
  std::string pattern;
  friend bool operator==(const Rule&, const Rule&) = default;
};

struct DohServer {
  std::string name;  ///< for messages
  std::string host;  ///< verified name
  std::string path = "/dns-query";
  std::vector<std::string> addresses;  ///< dialled, never looked up
  std::uint16_t port = 443;
  friend bool operator==(const DohServer&, const DohServer&) = default;
};

/// What of this machine's traffic is captured without any program being told of a proxy (client/capture).
struct CaptureOptions {
  bool enabled = false;                   ///< from the start on
  std::vector<std::string> lan;           ///< interfaces whose traffic that passes through is captured, too
  std::vector<std::string> except;        ///< addresses and ranges that go as if nothing were captured
  std::vector<std::string> except_users;  ///< whose programs do
  friend bool operator==(const CaptureOptions&, const CaptureOptions&) = default;
};

enum class OnTunnelDown { fail_closed, direct };

struct ClientOptions {
  std::vector<boost::asio::ip::tcp::endpoint> listen;       ///< default 127.0.0.1:1080 and [::1]:1080
  std::optional<std::pair<std::string, std::string>> auth;  ///< user name and password for the local port
  std::filesystem::path state_dir;                          ///< verdicts, control socket; made 0700
  std::vector<ShareLink> bridges;
  std::vector<Rule> rules;
  std::vector<std::string> sensitive;  ///< patterns, as in rules: hosts never asked by a flight of our own
  BlockPageList block_pages;           ///< default: the shipped list
  std::vector<ServiceGroup> services;  ///< the same
  OnTunnelDown on_tunnel_down = OnTunnelDown::fail_closed;
  std::vector<DohServer> doh;  ///< default: three public providers
  std::string extra_ca_file;   ///< PEM, beside the system's roots (DoH)
  std::string log_level = "info";
  CaptureOptions capture;

  // DETECTION.md; the defaults are the product, the settings are for tests and odd networks.
  std::chrono::milliseconds hedge_delay{400};
  std::chrono::milliseconds handshake_silence{1200};
  std::chrono::milliseconds late_dns_wait{500};
  std::chrono::milliseconds total_budget{20000};
  std::chrono::seconds first_expiry{120};
  bool background_probes = true;
  std::optional<CaptiveProbe> captive_probe;  ///< asked on every change of network; nothing: never
  bool evasion = true;  ///< cut the ClientHello where sites are blocked by name, before the tunnel
};

}  // namespace surang::config
